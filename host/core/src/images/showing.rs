//! What `show` tells of one image beside its record: what its class knows.

use super::manager::{ImageManager, request};
use crate::{
    operation::Reading,
    records::{ImageStatus, ListedImage},
};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result, messages::steps};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// One image with what its class adds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownImage {
    /// What the listing shows.
    #[serde(flatten)]
    pub listed: ListedImage,
    /// Facts from the class, an object or null.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub facts: Value,
}

impl ShownImage {
    /// The facts as a type of the caller, which may leave out what it does not use. `None` where the class tells nothing.
    ///
    /// # Errors
    /// When the facts are not of that shape.
    pub fn facts_as<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        serde_json::from_value(self.facts.clone()).map_err(|cause| {
            Error::failed(format!("the facts of image {} are of another shape", self.listed.name))
                .because(cause)
        })
    }
}

impl ImageManager<'_> {
    /// One image, with facts from its class.
    ///
    /// # Errors
    /// When there is none of that name, or the register cannot be read.
    pub fn show(&self, name: &ImageName) -> Result<ShownImage> {
        let mut listed = self.records.listed(name)?;
        let mut facts = Value::Null;
        if listed.status == ImageStatus::Created && listed.problem.is_none() && listed.module.is_some() {
            let mut image = self.records.load(name)?;
            let reading = Reading::of(self.site, name, image.class());
            match self.step(&reading, &mut image, request(steps::SHOW)) {
                Ok(value) => facts = value,
                Err(error) if error.kind == ErrorKind::NOT_DEFINED => {}
                Err(error) => listed.problem = Some(error.to_string()),
            }
        }
        Ok(ShownImage { listed, facts })
    }
}
