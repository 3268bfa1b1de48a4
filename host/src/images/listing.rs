//! What `list` and `show` tell of images. Reading only: nothing is locked, cleaned or created.

use super::{
    activity::Activity,
    manager::{ImageManager, no_such_image, request},
    operation::Operation,
    record::{ImageRecord, MOST_BYTES, RecordError},
    status::ImageStatus,
};
use crate::{failure, installations::Entries, system::atomic_file};
use disklessset_plugin_api::{Attributes, Error, ErrorKind, ImageName, Level, Result, messages::steps};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// One image as a listing shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedImage {
    /// The name; text, because what is on disk may break the rules of names.
    pub name: String,
    /// The status.
    pub status: ImageStatus,
    /// The class, when it is known.
    pub image_class: Option<String>,
    /// The module that has the class; none when it is gone.
    pub module: Option<String>,
    /// The process that creates the image.
    pub pid: Option<u32>,
    /// All attributes but secrets.
    pub attributes: Attributes,
    /// The action on a created image that has begun and not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

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

impl ImageManager<'_> {
    /// All images, sorted by name: created ones, those being created, CORRUPTED ones, and what lies among them without being
    /// an image, with the problem named.
    ///
    /// # Errors
    /// When the directory of images cannot be read.
    pub fn list(&self) -> Result<Vec<ListedImage>> {
        // A broken register must not hide the images: they are listed, and whoever changes something is refused.
        let entries = self.entries().unwrap_or_else(|error| {
            let text =
                format!("{error}; until that is mended nobody can tell which images are being created");
            self.site.observer.line(Level::Warning, &text);
            Entries::default()
        });
        let mut listed = Vec::new();
        let mut names: BTreeSet<String> = entries.images.keys().map(ToString::to_string).collect();
        let directory = self.site.layout.images_dir();
        match directory.read_dir_utf8() {
            Ok(found) => {
                for entry in found.flatten() {
                    // Names with a leading dot are private: states being built or being deleted.
                    if !entry.file_name().starts_with('.') {
                        names.insert(entry.file_name().to_owned());
                    }
                }
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => {
                return Err(
                    Error::failed(format!("cannot read the directory of images {directory}")).because(cause)
                );
            }
        }
        listed.extend(names.iter().map(|name| self.look_at(name, &entries)));
        if listed.iter().any(|image| image.status == ImageStatus::Corrupted) {
            // Some may have ended well since the register was read: one second look for all of them.
            let now = self.entries()?;
            for image in listed.iter_mut().filter(|image| image.status == ImageStatus::Corrupted) {
                *image = self.look_at(&image.name.clone(), &now);
            }
        }
        // What was removed since the directory was read is no problem, it is gone.
        listed.retain(|image| {
            image.problem.is_none()
                || image.pid.is_some()
                || self.site.layout.images_dir().join(&image.name).symlink_metadata().is_ok()
        });
        listed.extend(entries.strange.iter().map(|(name, (_, reason))| ListedImage {
            name: name.clone(),
            status: ImageStatus::Corrupted,
            image_class: None,
            module: None,
            pid: None,
            attributes: Attributes::new(),
            activity: None,
            problem: Some(format!("installations.yml: {reason}")),
        }));
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        self.add_activities(&mut listed);
        Ok(listed)
    }

    /// One image, with facts from its class.
    ///
    /// # Errors
    /// When there is none of that name, or the register cannot be read.
    pub fn show(&self, name: &ImageName) -> Result<ShownImage> {
        let entries = self.entries()?;
        if !self.exists(name) && !entries.images.contains_key(name) {
            return Err(no_such_image(name));
        }
        let mut listed = self.look_at(name.as_str(), &entries);
        if listed.status == ImageStatus::Corrupted {
            listed = self.look_at(name.as_str(), &self.entries()?);
        }
        self.add_activities(std::slice::from_mut(&mut listed));
        let mut facts = Value::Null;
        if listed.status == ImageStatus::Created && listed.problem.is_none() && listed.module.is_some() {
            let mut image = self.load(name)?;
            let operation = Operation::reading(self.site, name, image.class());
            match self.step(&operation, &mut image, request(steps::SHOW)) {
                Ok(value) => facts = value,
                Err(error) if error.kind == ErrorKind::NOT_DEFINED => {}
                Err(error) => listed.problem = Some(error.to_string()),
            }
        }
        Ok(ShownImage { listed, facts })
    }

    /// Checks images without changing them: record, boot file, kernel, initramfs, and the `problem` among the facts that the
    /// class shows. Gives each name with its problem.
    ///
    /// # Errors
    /// When one of the named images is not there, or the listing fails.
    pub fn verify(&self, names: &[ImageName]) -> Result<Vec<(String, Option<String>)>> {
        for name in names {
            if !self.exists(name) {
                return Err(no_such_image(name));
            }
        }
        let wanted =
            |listed: &ListedImage| names.is_empty() || names.iter().any(|name| name.as_str() == listed.name);
        let chosen = self.list()?.into_iter().filter(wanted);
        Ok(chosen.map(|listed| (listed.name.clone(), self.problem_of(&listed))).collect())
    }

    fn problem_of(&self, listed: &ListedImage) -> Option<String> {
        if listed.problem.is_some() {
            return listed.problem.clone();
        }
        if listed.status != ImageStatus::Created {
            return Some(format!("is {}", listed.status));
        }
        // What cannot be checked is not good.
        self.check_created(&listed.name).unwrap_or_else(|error| {
            let causes = error.causes.iter().map(|cause| format!(": {cause}"));
            Some(std::iter::once(error.message.clone()).chain(causes).collect())
        })
    }

    /// What is wrong with a created image; `Err` when that cannot be found out.
    fn check_created(&self, name: &str) -> Result<Option<String>> {
        let name = ImageName::parse(name).map_err(failure::usage)?;
        let image = self.load(&name)?;
        let boot_file = image.directory().join(super::boot_file::FILE_NAME);
        if !boot_file.is_file() {
            return Ok(Some("has no boot.ipxe".to_owned()));
        }
        if let Some(kernel) = image.kernel() {
            crate::kernels::KernelManager::new(self.site).usable(&kernel.version)?;
        }
        if let Err(unavailable) = self.site.classes.registry().module_of(image.class()) {
            return Ok(Some(unavailable.to_string()));
        }
        // What a class has beside record and boot file, it alone knows.
        let shown = self.show(&name)?;
        let of_class = shown.facts.get("problem").and_then(Value::as_str).map(str::to_owned);
        if let Some(problem) = of_class.or(shown.listed.problem) {
            return Ok(Some(problem));
        }
        let operation = Operation::reading(self.site, &name, image.class());
        let wanted = self.boot_file(&operation, &image)?;
        let found = atomic_file::read_bounded(&boot_file, MOST_BYTES).map_err(failure::of)?;
        let differs = found != wanted.as_bytes();
        Ok(differs.then(|| "boot.ipxe is not what its class would write now".to_owned()))
    }

    /// Fills in what is being done to listed images. Nobody is told of journals they may not read.
    fn add_activities(&self, listed: &mut [ListedImage]) {
        let journalled: BTreeSet<String> =
            self.journalled().unwrap_or_default().iter().map(ToString::to_string).collect();
        let created = |image: &&mut ListedImage| image.status == ImageStatus::Created;
        for image in listed.iter_mut().filter(created).filter(|image| journalled.contains(&image.name)) {
            if let Ok(name) = ImageName::parse(&image.name) {
                image.activity = self.activity(&name).unwrap_or_default();
            }
        }
    }

    fn look_at(&self, text: &str, entries: &Entries) -> ListedImage {
        let name = ImageName::parse(text);
        let entry = name.as_ref().ok().and_then(|name| entries.images.get(name));
        let status =
            name.as_ref().map_or(ImageStatus::Created, |name| self.status_at_a_glance(name, entries));
        let mut listed = ListedImage {
            name: text.to_owned(),
            status,
            image_class: entry.map(|entry| entry.image_class.clone()),
            module: None,
            pid: entry.map(|entry| entry.pid),
            attributes: Attributes::new(),
            activity: None,
            problem: name.as_ref().err().map(ToString::to_string),
        };
        if entry.is_none() && listed.problem.is_none() {
            match self.record_in(text) {
                Ok(record) => {
                    listed.image_class = Some(record.image_class);
                    listed.attributes = record.attributes;
                    // A hash is for the image's own shadow file, not for screens and logs.
                    listed.attributes.remove("password");
                }
                Err(problem) => listed.problem = Some(problem),
            }
        }
        listed.module = listed.image_class.as_deref().and_then(|class| self.site.classes.module_of(class));
        listed
    }

    /// The record in a directory of that name, or why there is none. Links are not followed.
    fn record_in(&self, name: &str) -> Result<ImageRecord, String> {
        let directory = self.site.layout.image_dir(name);
        match directory.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {}
            Ok(meta) if meta.is_symlink() => return Err("is a link, which is never followed".to_owned()),
            Ok(_) => return Err("is a file, not an image".to_owned()),
            Err(cause) => return Err(cause.to_string()),
        }
        ImageRecord::load(&directory).map_err(|error| match error {
            RecordError::File(cause) if cause.is_not_found() => "has no image_data.yml".to_owned(),
            RecordError::File(cause) => failure::of(cause).causes.pop().unwrap_or_default(),
            RecordError::Unreadable { reason, .. } => format!("image_data.yml: {reason}"),
        })
    }
}
