//! What `list` and `show` tell of images. Reading only: nothing is locked, cleaned or created.

use super::{
    activity::Activity,
    directory::{self, ImageDirectory},
    parts::in_parts,
    record::{ImageRecord, RecordError},
    refusals::no_such_image,
    status::ImageStatus,
    store::Records,
};
use crate::{failure, installations::Entries, system::process};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{Attributes, Error, ImageName, Level, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::{AsFd, BorrowedFd},
};

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
    /// What that process was started with, for a creation of 1.x: nothing else tells whether it is at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// All attributes but secrets.
    pub attributes: Attributes,
    /// The bytes of the files that nodes fetch of it, boot file and manifest left out; none where it has no such files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The action on a created image that has begun and not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// Whether nodes get other files of its kernel than those that are registered now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub older_kernel_files: bool,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl ListedImage {
    /// An attribute as a type of the caller, such as `String`. `None` where the image has none of that name, or has null.
    ///
    /// # Errors
    /// When the attribute is not of that type.
    pub fn attribute<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let value = self.attributes.get(name).cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(|cause| {
            Error::failed(format!("attribute {name} of image {} is of another type", self.name))
                .because(cause)
        })
    }
}

impl Records<'_> {
    /// All images, sorted by name: created ones, those being created, CORRUPTED ones, and what lies among them without being
    /// an image, with the problem named.
    ///
    /// # Errors
    /// When the directory of images cannot be read.
    pub(crate) fn list(&self) -> Result<Vec<ListedImage>> {
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
        let names: Vec<String> = names.into_iter().collect();
        let opened = directory::images(&directory).ok();
        let images = opened.as_ref().map(AsFd::as_fd);
        listed.extend(in_parts(&names, |name| self.look_at(name, &entries, images)));
        if listed.iter().any(|image| image.status == ImageStatus::Corrupted) {
            // Some may have ended well since the register was read: one second look for all of them.
            let now = self.entries()?;
            for image in listed.iter_mut().filter(|image| image.status == ImageStatus::Corrupted) {
                *image = self.look_at(&image.name.clone(), &now, images);
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
            command: None,
            attributes: Attributes::new(),
            size_bytes: None,
            activity: None,
            older_kernel_files: false,
            problem: Some(format!("installations.yml: {reason}")),
        }));
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        self.add_modules(&mut listed);
        self.add_activities(&mut listed);
        Ok(listed)
    }

    /// One image as the listing shows it.
    ///
    /// # Errors
    /// When there is none of that name, or the register cannot be read.
    pub(crate) fn listed(&self, name: &ImageName) -> Result<ListedImage> {
        let entries = self.entries()?;
        if !self.exists(name) && !entries.images.contains_key(name) {
            return Err(no_such_image(name));
        }
        let opened = directory::images(&self.site.layout.images_dir()).ok();
        let images = opened.as_ref().map(AsFd::as_fd);
        let mut listed = self.look_at(name.as_str(), &entries, images);
        if listed.status == ImageStatus::Corrupted {
            listed = self.look_at(name.as_str(), &self.entries()?, images);
        }
        self.add_modules(std::slice::from_mut(&mut listed));
        self.add_activities(std::slice::from_mut(&mut listed));
        Ok(listed)
    }

    /// Fills in the modules that have the classes of listed images.
    fn add_modules(&self, listed: &mut [ListedImage]) {
        let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
        for image in listed {
            let Some(class) = &image.image_class else { continue };
            let module = known.entry(class.clone()).or_insert_with(|| self.site.classes.module_of(class));
            image.module.clone_from(module);
        }
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

    fn look_at(&self, text: &str, entries: &Entries, images: Option<BorrowedFd<'_>>) -> ListedImage {
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
            command: entry
                .filter(|entry| entry.is_legacy() && status == ImageStatus::InCreation)
                .and_then(|entry| process::command(entry.pid)),
            attributes: Attributes::new(),
            size_bytes: None,
            activity: None,
            older_kernel_files: false,
            problem: name.as_ref().err().map(ToString::to_string),
        };
        if entry.is_none() && listed.problem.is_none() {
            self.read_into(&mut listed, images);
        }
        listed
    }

    /// Fills in what the files of an image tell.
    fn read_into(&self, listed: &mut ListedImage, images: Option<BorrowedFd<'_>>) {
        let path = self.site.layout.image_dir(&listed.name);
        let opened = images.and_then(|images| ImageDirectory::open(images, &listed.name, path));
        match self.record_in(&listed.name, opened.as_ref()) {
            Ok(record) => {
                listed.image_class = Some(record.image_class);
                listed.attributes = record.attributes;
                // A hash is for the image's own shadow file, not for screens and logs.
                listed.attributes.remove("password");
                listed.size_bytes = opened.and_then(ImageDirectory::size);
            }
            Err(problem) => listed.problem = Some(problem),
        }
    }

    /// The record in a directory of that name, or why there is none. Links are not followed.
    fn record_in(&self, name: &str, opened: Option<&ImageDirectory>) -> Result<ImageRecord, String> {
        let read = match opened {
            Some(directory) => directory.record(),
            None => ImageRecord::load(&self.no_file_or_link(name)?),
        };
        read.map_err(|error| match error {
            RecordError::File(cause) if cause.is_not_found() => "has no image_data.yml".to_owned(),
            RecordError::File(cause) => failure::of(cause).causes.pop().unwrap_or_default(),
            RecordError::Unreadable { reason, .. } => format!("image_data.yml: {reason}"),
        })
    }

    /// Where the image of that name has its files, or what lies there instead.
    fn no_file_or_link(&self, name: &str) -> Result<Utf8PathBuf, String> {
        let directory = self.site.layout.image_dir(name);
        match directory.symlink_metadata() {
            Ok(meta) if meta.is_dir() => Ok(directory),
            Ok(meta) if meta.is_symlink() => Err("is a link, which is never followed".to_owned()),
            Ok(_) => Err("is a file, not an image".to_owned()),
            Err(cause) => Err(cause.to_string()),
        }
    }
}
