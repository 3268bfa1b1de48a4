//! `ImageManager`: leads every action on images.

use crate::{
    kernels,
    modules::{HostService, Unavailable},
    operation::{Reading, lock_image},
    records::{ImageRecord, ListedImage, Records, boot_file, refusals::no_such_image},
    site::Site,
    system::lock::Lock,
    versions::Addresses,
};
use disklessset_plugin_api::{
    Boots, Error, ErrorKind, Image, ImageName, Kernel, KernelVersion, Lookup, Result,
    boot_file::fetches,
    messages::{StepReply, StepRequest, steps},
};
use serde_json::Value;

/// Manages the images of a site.
#[derive(Clone, Copy)]
pub struct ImageManager<'s> {
    pub(super) site: &'s Site,
    pub(super) records: Records<'s>,
}

impl<'s> ImageManager<'s> {
    /// A manager for a site.
    pub fn new(site: &'s Site) -> Self {
        Self { site, records: Records::of(site) }
    }

    /// Loads a created image.
    ///
    /// # Errors
    /// When there is none of that name, it is being created or CORRUPTED, or its record cannot be read.
    pub fn get_created_image(&self, name: &ImageName) -> Result<Image> {
        self.records.created(name)
    }

    /// All images, sorted by name: created ones, those being created, CORRUPTED ones, and what lies among them without being
    /// an image, with the problem named.
    ///
    /// # Errors
    /// When the directory of images cannot be read.
    pub fn list(&self) -> Result<Vec<ListedImage>> {
        let mut listed = self.records.list()?;
        self.mark_behind_kernels(&mut listed);
        Ok(listed)
    }

    /// The names of all images, without a look at any: of what lies in their directory, those that an image can have. Sorted; empty where
    /// the directory cannot be read.
    #[doc(hidden)]
    pub fn names(&self) -> Vec<ImageName> {
        let entries = self.site.layout.images_dir().read_dir_utf8().into_iter().flatten().flatten();
        let mut names: Vec<_> =
            entries.filter_map(|entry| ImageName::parse(entry.file_name()).ok()).collect();
        names.sort();
        names
    }

    /// What is on record of an image, whatever its status.
    ///
    /// # Errors
    /// When there is none of that name, or its record cannot be read.
    #[doc(hidden)]
    pub fn recorded(&self, name: &ImageName) -> Result<Image> {
        self.records.load(name)
    }

    /// Runs a step of an image's class; the image takes over what the step changed.
    pub(super) fn step(
        &self,
        host: &dyn HostService,
        image: &mut Image,
        mut request: StepRequest,
    ) -> Result<Value> {
        request.class = image.class().to_owned();
        request.image = Some(image.clone());
        let reply: StepReply = self.site.classes.run_step(&request.class.clone(), request, host)?;
        if let Some(changed) = reply.image {
            // Name, class and place are the host's to decide: only attributes come back.
            *image = Image::new(
                image.name().clone(),
                image.class(),
                changed.attributes().clone(),
                image.directory().to_owned(),
            );
        }
        Ok(reply.value)
    }

    /// The text of an image's boot file, from its class; files that have an address of their own are fetched from there.
    pub(super) fn boot_file(
        &self,
        host: &dyn HostService,
        image: &Image,
        addresses: &Addresses,
    ) -> Result<String> {
        let (layout, configuration) = (&self.site.layout, &self.site.configuration);
        let context = boot_file::context(image, layout, configuration, addresses)?;
        let boots = self.boots_of(host, image)?;
        let mut request = request(steps::BOOT_FILE);
        request.attrs.insert("boot".to_owned(), serde_json::to_value(&context)?);
        let mut copy = image.clone();
        let value = self.step(host, &mut copy, request)?;
        let text = value.as_str().unwrap_or_default().to_owned();
        boots.check(&text, &context, image)?;
        match image.kernel() {
            Some(kernel) if self.site.signer().is_some() && fetches(&text, &context.kernel_url) => {
                self.must_be_signed(&kernel)?;
                let kernels = boot_file::kernels_url(layout, configuration);
                boot_file::with_signatures(&text, &context, &kernel, &kernels)
            }
            _ => Ok(text),
        }
    }

    /// What nodes fetch to boot an image, from its class.
    pub(super) fn boots(&self, image: &Image) -> Result<Boots> {
        self.boots_of(&Reading::of(self.site, image.name(), image.class()), image)
    }

    pub(super) fn boots_of(&self, host: &dyn HostService, image: &Image) -> Result<Boots> {
        match self.step(host, &mut image.clone(), request(steps::BOOTS)) {
            Ok(answer) => serde_json::from_value(answer).map_err(|cause| {
                Error::failed(format!("class {} does not say what its images boot", image.class()))
                    .because(cause)
                    .hint("tell the author of its module")
            }),
            Err(error) if error.kind == ErrorKind::NOT_DEFINED => Ok(Boots::default()),
            Err(error) => Err(error),
        }
    }

    /// Refuses a kernel without signatures where boot files have the boot loader check them.
    fn must_be_signed(&self, kernel: &Kernel) -> Result<()> {
        if kernels::are_signatures_there(&self.site.layout, kernel) {
            return Ok(());
        }
        Err(Error::refused(format!("kernel {} is not signed, and no node would boot it", kernel.version))
            .hint(format!("disklessset verify --kernel {} --record", kernel.version)))
    }

    /// The record of an image as it is in memory.
    pub(super) fn record(image: &Image) -> ImageRecord {
        ImageRecord { image_class: image.class().to_owned(), attributes: image.attributes().clone() }
    }

    /// Refuses early when the class of an image has no module here, or one that is not used.
    pub(super) fn module_needed(&self, class: &str, name: &ImageName) -> Result<()> {
        let (message, hint) = match self.site.classes.registry().module_of(class) {
            Ok(_) => return Ok(()),
            Err(Unavailable::NoClass { .. }) => {
                (format!("no module has the class {class} of image {name}"), "put its module back")
            }
            Err(not_used) => {
                (format!("image {name} cannot be worked on: {not_used}"), "see `disklessset module list`")
            }
        };
        Err(Error::new(ErrorKind::NOT_FOUND, message)
            .hint(format!("{hint}, or use `disklessset clear {name}`")))
    }

    #[doc(hidden)]
    /// Keeps everybody else from acting on an image, for something that changes it outside of any action.
    ///
    /// # Errors
    /// When somebody acts on it, for longer than the site waits.
    pub fn hold(&self, name: &ImageName, purpose: &str) -> Result<Lock> {
        self.site.prepare()?;
        lock_image(self.site, name, purpose, self.site.wait)
    }

    /// Takes the image's lock and loads it, for an action that changes it.
    pub(super) fn lock_and_load(&self, name: &ImageName, action: &str) -> Result<(Lock, Image)> {
        // Before the lock too: a name that is nowhere should not leave a lock file behind.
        if !self.records.exists(name) && !self.records.entries()?.images.contains_key(name) {
            return Err(no_such_image(name));
        }
        self.site.prepare()?;
        let lock = lock_image(self.site, name, action, self.site.wait)?;
        let image = self.get_created_image(name)?;
        Ok((lock, image))
    }
}

/// An empty request for a step.
pub(super) fn request(step: &str) -> StepRequest {
    StepRequest { attrs: disklessset_plugin_api::Attributes::new(), ..StepRequest::new("", step) }
}

impl Lookup for ImageManager<'_> {
    fn kernel(&self, version: &KernelVersion) -> Result<(), String> {
        crate::kernels::KernelManager::new(self.site)
            .usable(version)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn kernel_alone(&self, version: &KernelVersion) -> Result<(), String> {
        crate::kernels::KernelManager::new(self.site)
            .alone(version)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn image(&self, name: &ImageName, class: &str) -> Result<(), String> {
        let image = self.get_created_image(name).map_err(|error| error.to_string())?;
        if class.is_empty() || self.site.classes.is_a(image.class(), class) {
            return Ok(());
        }
        Err(format!("image {name} is a {}, not a {class}", image.class()))
    }
}
