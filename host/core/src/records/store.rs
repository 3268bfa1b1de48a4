//! What is on record of images, read: nothing here locks, cleans or changes anything.

use super::{
    listing::ListedImage,
    record::{ImageRecord, RecordError},
    refusals,
    status::{ImageStatus, Running, status},
};
use crate::{
    failure,
    installations::{Entries, Installation},
    site::Site,
    system::{interrupt, lock::Wait},
};
use disklessset_plugin_api::{Error, Image, ImageName, Result};
use std::time::{Duration, Instant};

/// The records of the images of a site.
#[derive(Clone, Copy)]
pub(crate) struct Records<'s> {
    pub(super) site: &'s Site,
}

impl<'s> Records<'s> {
    /// Those of a site.
    pub(crate) fn of(site: &'s Site) -> Self {
        Self { site }
    }

    /// Loads a created image.
    ///
    /// # Errors
    /// When there is none of that name, it is being created or CORRUPTED, or its record cannot be read.
    pub(crate) fn created(&self, name: &ImageName) -> Result<Image> {
        self.wait_for_creation(name)?;
        let entries = self.entries()?;
        match (self.status_of(name, &entries), entries.images.get(name)) {
            (ImageStatus::InCreation, Some(entry)) => Err(refusals::being_created(name, entry)),
            (ImageStatus::Corrupted, _) => Err(refusals::corrupted(name)),
            _ => self.load(name),
        }
    }

    /// Waits, as long as the user is willing to, until nobody is creating an image any more.
    pub(crate) fn wait_for_creation(&self, name: &ImageName) -> Result<()> {
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
    pub(crate) fn load(&self, name: &ImageName) -> Result<Image> {
        let directory = self.site.layout.image_dir(name.as_str());
        let record = ImageRecord::load(&directory).map_err(|error| match error {
            RecordError::File(cause) if cause.is_not_found() => refusals::no_such_image(name),
            other => failure::of(other)
                .hint(format!("`disklessset clear {name}` removes an image that cannot be read")),
        })?;
        Ok(Image::new(name.clone(), record.image_class, record.attributes, directory))
    }

    /// Whether anything of that name is there or being made.
    pub(crate) fn exists(&self, name: &ImageName) -> bool {
        self.site.layout.image_dir(name.as_str()).symlink_metadata().is_ok()
    }

    pub(crate) fn entries(&self) -> Result<Entries> {
        self.site.installations.snapshot().map_err(failure::of)
    }

    /// The status of an image, given the register of installations.
    pub(crate) fn status_of(&self, name: &ImageName, entries: &Entries) -> ImageStatus {
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
    pub(crate) fn corrupted(&self) -> Result<Vec<ImageName>> {
        let entries = self.entries()?;
        let is_corrupted = |name: &ImageName, entries: &Entries| {
            self.status_at_a_glance(name, entries) == ImageStatus::Corrupted
        };
        let glanced: Vec<ImageName> =
            entries.images.keys().filter(|name| is_corrupted(name, &entries)).cloned().collect();
        if glanced.is_empty() {
            return Ok(glanced);
        }
        let now = self.entries()?;
        Ok(glanced.into_iter().filter(|name| is_corrupted(name, &now)).collect())
    }

    fn running(&self, name: &ImageName, entry: &Installation) -> Running {
        if self.site.installations.is_running(name, entry) { Running::Yes } else { Running::No }
    }

    /// The names of the created images of a class, those of classes built on it included.
    pub(crate) fn names_of_class(&self, class: &str) -> Result<Vec<ImageName>> {
        let images = self.list()?;
        let of_class = |listed: &ListedImage| {
            listed.status == ImageStatus::Created
                && listed.image_class.as_deref().is_some_and(|own| self.site.classes.is_a(own, class))
        };
        Ok(images
            .into_iter()
            .filter(of_class)
            .filter_map(|listed| ImageName::parse(&listed.name).ok())
            .collect())
    }

    /// The class of a created image, where its record can be read.
    pub(crate) fn class_of(&self, name: &ImageName) -> Option<String> {
        Some(self.load(name).ok()?.class().to_owned())
    }

    /// The images that have a journal.
    pub(crate) fn journalled(&self) -> Result<Vec<ImageName>> {
        let directory = self.site.layout.journal_dir();
        let found = match directory.read_dir_utf8() {
            Ok(found) => found,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(Error::failed(format!("cannot read {directory}")).because(cause)),
        };
        let name_of =
            |entry: &camino::Utf8DirEntry| ImageName::parse(entry.file_name().strip_suffix(".jsonl")?).ok();
        Ok(found.flatten().filter_map(|entry| name_of(&entry)).collect())
    }
}
