//! An image as a class sees it: a name, its attributes, and where its files are.

use crate::{
    ImageName, Kernel,
    error::{Error, Result},
};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

/// Attributes by name, as they are kept in `image_data.yml`.
pub type Attributes = BTreeMap<String, Value>;

/// An image in the hands of one step of its class.
///
/// What the class sets is saved by the host when the step is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Image {
    pub(crate) name: ImageName,
    pub(crate) class: String,
    pub(crate) attributes: Attributes,
    pub(crate) directory: Utf8PathBuf,
}

impl Image {
    /// An image with given attributes whose files lie in `directory`.
    pub fn new(
        name: ImageName,
        class: impl Into<String>,
        attributes: Attributes,
        directory: impl Into<Utf8PathBuf>,
    ) -> Self {
        Self { name, class: class.into(), attributes, directory: directory.into() }
    }

    /// The name.
    pub fn name(&self) -> &ImageName {
        &self.name
    }

    /// The class the image was made with (the most derived one).
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The directory of the files nodes fetch. While an image is being created this is a private directory that
    /// becomes the image's own in one rename when the creation commits, so nothing half made is ever served.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// All attributes.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// One attribute as a type of the caller's choice; `None` when it is not there.
    ///
    /// # Errors
    /// When the attribute is there and is not of that type.
    pub fn get<T: DeserializeOwned>(&self, attribute: &str) -> Result<Option<T>> {
        match self.attributes.get(attribute) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone()).map(Some).map_err(|cause| {
                Error::failed(format!("attribute {attribute} of image {} cannot be used", self.name))
                    .because(cause)
            }),
        }
    }

    /// One attribute as text, whatever scalar it is kept as; `None` when it is not there.
    pub fn text(&self, attribute: &str) -> Option<String> {
        match self.attributes.get(attribute)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// One attribute as yes or no, as 1.x (`True`) and we (`true`) write it; absent means no.
    pub fn flag(&self, attribute: &str) -> bool {
        self.text(attribute).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Sets an attribute.
    pub fn set(&mut self, attribute: &str, value: impl Into<Value>) {
        self.attributes.insert(attribute.to_owned(), value.into());
    }

    /// Removes an attribute.
    pub fn unset(&mut self, attribute: &str) {
        self.attributes.remove(attribute);
    }

    /// The kernel the image boots with its initramfs, if it has one.
    pub fn kernel(&self) -> Option<Kernel> {
        Kernel::from_attribute(&self.text("kernel")?)
    }

    /// Sets a kernel whose initramfs the image does not boot ([`crate::Boots::kernel_with`]).
    pub fn set_kernel_alone(&mut self, kernel: &Kernel) {
        self.set("kernel", kernel.vmlinuz());
        self.unset("image");
    }

    /// Sets kernel and initramfs, always together.
    pub fn set_kernel(&mut self, kernel: &Kernel) {
        self.set("kernel", kernel.vmlinuz());
        self.set("image", kernel.initramfs());
    }
}
