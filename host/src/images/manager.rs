//! `ImageManager`: leads every action on images.

use super::{
    boot_file,
    record::{ImageRecord, RecordError},
    status::{ImageStatus, Running, status},
};
use crate::{
    failure,
    installations::{Entries, Installation},
    kernels,
    modules::Unavailable,
    operation::{Operation, lock_image},
    site::Site,
    system::{interrupt, lock::Wait, process},
};
use disklessset_plugin_api::{
    Error, ErrorKind, Image, ImageName, Kernel, KernelVersion, Lookup, Result,
    messages::{StepReply, StepRequest, steps},
};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Manages the images of a site.
#[derive(Clone, Copy)]
pub struct ImageManager<'s> {
    pub(super) site: &'s Site,
}

impl<'s> ImageManager<'s> {
    /// A manager for a site.
    pub fn new(site: &'s Site) -> Self {
        Self { site }
    }

    /// Loads a created image.
    ///
    /// # Errors
    /// When there is none of that name, it is being created or CORRUPTED, or its record cannot be read.
    pub fn get_created_image(&self, name: &ImageName) -> Result<Image> {
        self.wait_for_creation(name)?;
        let entries = self.entries()?;
        match (self.status_of(name, &entries), entries.images.get(name)) {
            (ImageStatus::InCreation, Some(entry)) => Err(being_created(name, entry)),
            (ImageStatus::Corrupted, _) => Err(corrupted(name)),
            _ => self.load(name),
        }
    }

    /// Waits, as long as the user is willing to, until nobody is creating an image any more.
    pub(super) fn wait_for_creation(&self, name: &ImageName) -> Result<()> {
        let Wait::Seconds(seconds) = self.site.wait else { return Ok(()) };
        let started = Instant::now();
        while self.status_of(name, &self.entries()?) == ImageStatus::InCreation
            && started.elapsed() < Duration::from_secs(seconds)
        {
            interrupt::check().map_err(failure::interrupted)?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Reads the record of an image, whatever its status.
    pub(super) fn load(&self, name: &ImageName) -> Result<Image> {
        let directory = self.site.layout.image_dir(name.as_str());
        let record = ImageRecord::load(&directory).map_err(|error| match error {
            RecordError::File(cause) if cause.is_not_found() => no_such_image(name),
            other => failure::of(other)
                .hint(format!("`disklessset clear {name}` removes an image that cannot be read")),
        })?;
        Ok(Image::new(name.clone(), record.image_class, record.attributes, directory))
    }

    /// Whether anything of that name is there or being made.
    pub(super) fn exists(&self, name: &ImageName) -> bool {
        self.site.layout.image_dir(name.as_str()).symlink_metadata().is_ok()
    }

    pub(super) fn entries(&self) -> Result<Entries> {
        self.site.installations.snapshot().map_err(failure::of)
    }

    /// The status of an image, given the register of installations.
    pub(super) fn status_of(&self, name: &ImageName, entries: &Entries) -> ImageStatus {
        match self.status_at_a_glance(name, entries) {
            // It may have ended well since the register was read. Then nobody runs any more, and the entry is gone.
            ImageStatus::Corrupted => match self.entries() {
                Ok(now) => self.status_at_a_glance(name, &now),
                Err(_) => ImageStatus::Corrupted,
            },
            known => known,
        }
    }

    /// The same without a second look at the register, for those who look at many images and take the second look for all
    /// of them together.
    pub(super) fn status_at_a_glance(&self, name: &ImageName, entries: &Entries) -> ImageStatus {
        status(entries.images.get(name).map(|entry| self.running(name, entry)))
    }

    /// The CORRUPTED images.
    pub(super) fn corrupted_images(&self) -> Result<Vec<ImageName>> {
        let entries = self.entries()?;
        let corrupted = |name: &ImageName, entries: &Entries| {
            self.status_at_a_glance(name, entries) == ImageStatus::Corrupted
        };
        let glanced: Vec<ImageName> =
            entries.images.keys().filter(|name| corrupted(name, &entries)).cloned().collect();
        if glanced.is_empty() {
            return Ok(glanced);
        }
        let now = self.entries()?;
        Ok(glanced.into_iter().filter(|name| corrupted(name, &now)).collect())
    }

    fn running(&self, name: &ImageName, entry: &Installation) -> Running {
        if self.site.installations.is_running(name, entry) { Running::Yes } else { Running::No }
    }

    /// The names of the created images of a class, those of classes built on it included.
    pub(super) fn names_of_class(&self, class: &str) -> Result<Vec<ImageName>> {
        let images = self.list()?;
        let of_class = |listed: &super::ListedImage| {
            listed.status == ImageStatus::Created
                && listed.image_class.as_deref().is_some_and(|own| self.site.classes.is_a(own, class))
        };
        Ok(images
            .into_iter()
            .filter(of_class)
            .filter_map(|listed| ImageName::parse(&listed.name).ok())
            .collect())
    }

    /// Runs a step of an image's class; the image takes over what the step changed.
    pub(super) fn step(
        &self,
        operation: &Operation<'_>,
        image: &mut Image,
        mut request: StepRequest,
    ) -> Result<Value> {
        request.class = image.class().to_owned();
        request.image = Some(image.clone());
        let reply: StepReply = self.site.classes.run_step(&request.class.clone(), request, operation)?;
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

    /// The text of an image's boot file, from its class.
    pub(super) fn boot_file(&self, operation: &Operation<'_>, image: &Image) -> Result<String> {
        let context = boot_file::context(image, &self.site.layout, &self.site.configuration)?;
        let mut request = request(steps::BOOT_FILE);
        request.attrs.insert("boot".to_owned(), serde_json::to_value(&context)?);
        let mut copy = image.clone();
        let value = self.step(operation, &mut copy, request)?;
        let text = value.as_str().unwrap_or_default().to_owned();
        boot_file::check(&text, &context)?;
        match image.kernel() {
            Some(kernel) if self.site.signer().is_some() && text.contains(&context.kernel_url) => {
                self.must_be_signed(operation, &kernel)?;
                boot_file::with_signatures(&text, &context)
            }
            _ => Ok(text),
        }
    }

    /// Refuses a kernel without signatures where boot files have the boot loader check them. One that the action brings is
    /// signed when it is published.
    fn must_be_signed(&self, operation: &Operation<'_>, kernel: &Kernel) -> Result<()> {
        let brought =
            operation.staged_kernel.borrow().as_ref().is_some_and(|staged| staged.kernel == *kernel);
        if brought || kernels::are_signatures_there(&self.site.layout, kernel) {
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

    /// Keeps everybody else from acting on an image, for something that changes it outside of any action.
    ///
    /// # Errors
    /// When somebody acts on it, for longer than the site waits.
    pub(crate) fn hold(&self, name: &ImageName, purpose: &str) -> Result<crate::system::lock::Lock> {
        self.site.prepare()?;
        lock_image(self.site, name, purpose, self.site.wait)
    }

    /// Takes the image's lock and loads it, for an action that changes it.
    pub(super) fn lock_and_load(
        &self,
        name: &ImageName,
        action: &str,
    ) -> Result<(crate::system::lock::Lock, Image)> {
        // Before the lock too: a name that is nowhere should not leave a lock file behind.
        if !self.exists(name) && !self.entries()?.images.contains_key(name) {
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

pub(super) fn being_created(name: &ImageName, entry: &Installation) -> Error {
    let pid = entry.pid;
    match process::command(pid).filter(|_| entry.is_legacy()) {
        // 1.x says no more: its process may be back at its menu, and has the image registered still.
        Some(command) => {
            Error::new(ErrorKind::BUSY, format!("image {name} is being created by process {pid}: {command}"))
                .hint(format!("when that process does not create it: end it, then disklessset clean {name}"))
        }
        None => Error::new(ErrorKind::BUSY, format!("image {name} is being created by process {pid}"))
            .hint("try again when it is done, or with --wait SECONDS"),
    }
}

pub(super) fn corrupted(name: &ImageName) -> Error {
    Error::failed(format!("image {name} is CORRUPTED")).hint(format!("disklessset clean {name}"))
}

pub(super) fn no_such_image(name: &ImageName) -> Error {
    Error::new(ErrorKind::NOT_FOUND, format!("there is no image {name}"))
        .hint("`disklessset list` shows all images")
}

impl Lookup for ImageManager<'_> {
    fn kernel(&self, version: &KernelVersion) -> Result<(), String> {
        crate::kernels::KernelManager::new(self.site)
            .usable(version)
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
