//! Versions of an image: told, and looked up.

mod current;
mod giving;
mod memory;
mod of_kernels;
mod pruning;
mod signatures;
mod tags;
mod taking_in;
mod tree;
mod viewed;

pub use giving::Outgoing;
pub use signatures::MOST_OF_SIGNATURE;
pub use taking_in::{PullPlan, TakenIn};

use super::manager::ImageManager;
use crate::{
    records::ImageRecord,
    versions::{self, FileOfVersion, History, Marker, Store, Version, VersionReference, VersionWord},
};
use disklessset_oci::names::{VersionName, VersionNumber};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};
use serde::Serialize;

/// What a version is to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// Nodes get it.
    Current,
    /// Nodes got it before.
    Older,
    /// It waits for its release.
    Held,
}

/// One version as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedVersion {
    /// The name of the image.
    pub image: String,
    /// Its number.
    pub number: u64,
    /// Its manifest, which is what it is.
    pub digest: String,
    /// Whether nodes get it.
    pub state: VersionState,
    /// When it was made.
    pub date: String,
    /// The action that made it.
    pub action: String,
    /// The version of its kernel.
    pub kernel: Option<String>,
    /// Bytes of all its files.
    pub size_bytes: u64,
    /// Bytes of the files that no version had before.
    pub new_bytes: u64,
    /// The memory that a machine needs to boot it, in mebibytes, as `prove --memory auto` found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mebibytes: Option<u32>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// One version with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownVersion {
    /// As a listing shows it.
    #[serde(flatten)]
    pub listed: ListedVersion,
    /// The class of the image then.
    pub image_class: String,
    /// The attributes of the image then, without secrets.
    pub attributes: disklessset_plugin_api::Attributes,
    /// Its files.
    pub files: Vec<ShownFile>,
    /// Whether its boot file names files by digest. It does unless its class makes addresses by itself.
    pub by_digest: bool,
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownFile {
    /// Its name.
    pub name: String,
    /// Its content.
    pub digest: String,
    /// Bytes in it.
    pub size_bytes: u64,
}

/// A version that was looked up.
struct Found {
    history: History,
    current: Option<Marker>,
    version: Version,
}

impl Found {
    fn is_current(&self) -> bool {
        self.current.as_ref().is_some_and(|marker| marker.version.number() == self.version.number)
    }
}

impl ImageManager<'_> {
    pub(in crate::images) fn store(&self) -> Store<'_> {
        Store::of(&self.site.layout)
    }

    /// The versions of an image, newest first.
    ///
    /// # Errors
    /// When there is no such image, or what is on record cannot be read.
    pub fn versions(&self, name: &ImageName) -> Result<Vec<ListedVersion>> {
        if !self.records.exists(name) {
            return Err(crate::records::refusals::no_such_image(name));
        }
        let (history, current) = (self.store().history(name)?, self.store().current(name.as_str())?);
        let listed = history.versions().iter().rev();
        Ok(listed.map(|version| listed_version(name, version, &history, current.as_ref())).collect())
    }

    /// One version with its files.
    ///
    /// # Errors
    /// When there is no such version, or it cannot be read.
    pub fn show_version(&self, reference: &VersionReference) -> Result<ShownVersion> {
        let found = self.find(reference)?;
        let version = &found.version;
        let (files, boot_file) = self.store().read(&version.digest)?;
        let record = ImageRecord::parse(&version.record).map_err(Error::failed)?;
        let mut attributes = record.attributes;
        attributes.remove("password");
        let by_digest = versions::Addresses::of(&files, &self.site.layout).are_named_in(&boot_file);
        let files = files.into_iter().map(|(name, file)| ShownFile {
            name,
            digest: file.digest.to_string(),
            size_bytes: file.size,
        });
        Ok(ShownVersion {
            listed: listed_version(&reference.image, version, &found.history, found.current.as_ref()),
            image_class: version.class.clone(),
            attributes,
            files: files.collect(),
            by_digest,
        })
    }

    /// The text of the boot file of a version, as it would be in service.
    ///
    /// # Errors
    /// When there is no such version, or it cannot be read.
    pub fn boot_file_of_version(&self, reference: &VersionReference) -> Result<String> {
        let found = self.find(reference)?;
        self.must_be_whole(&reference.image, &found.version)?;
        let text = self.store().read(&found.version.digest)?.1;
        let marker = marker_of(&reference.image, &found.version)?;
        Ok(versions::with_prelude(&text, Some(&marker), &self.site.layout, &self.site.configuration))
    }

    /// Refuses a version of which a file is missing or damaged.
    fn must_be_whole(&self, name: &ImageName, version: &Version) -> Result<()> {
        match self.store().damaged(&[version])?.into_values().flatten().next() {
            Some(text) => Err(Error::failed(format!("{name}@{} is damaged: {text}", version.number))
                .hint(format!("disklessset verify {name}"))),
            None => Ok(()),
        }
    }

    /// The name of a version, with its number.
    ///
    /// # Errors
    /// When there is no such version.
    pub fn resolve_version(&self, reference: &VersionReference) -> Result<VersionName> {
        let found = self.find(reference)?;
        name_of(&reference.image, found.version.number)
    }

    fn find(&self, reference: &VersionReference) -> Result<Found> {
        let name = &reference.image;
        if !self.records.exists(name) {
            return Err(crate::records::refusals::no_such_image(name));
        }
        let (history, current) = (self.store().history(name)?, self.store().current(name.as_str())?);
        let number = match &reference.version {
            Some(VersionWord::Number(number)) => Some(*number),
            Some(VersionWord::Tag(tag)) => history.tags().get(tag.as_str()).copied(),
            None => current.as_ref().map(|marker| marker.version.number()),
        };
        match number.and_then(|number| history.get(number).cloned()) {
            Some(version) => Ok(Found { history, current, version }),
            None if history.versions().is_empty() => {
                let text = format!("image {name} has no versions yet");
                Err(Error::new(ErrorKind::NOT_FOUND, text)
                    .hint(format!("disklessset verify {name} --record")))
            }
            None => Err(Error::new(ErrorKind::NOT_FOUND, format!("there is no version {reference}"))
                .hint(format!("disklessset versions {name}"))),
        }
    }

    /// Names of files came and went: blobs that are the same files are known all the same.
    pub(in crate::images) fn look_at_blobs_again(&self, name: &ImageName) {
        let store = self.store();
        let Ok(history) = store.history(name) else { return };
        let files = history.versions().iter().filter_map(|version| store.read(&version.digest).ok());
        for (files, _) in files {
            store.names_changed(files.values().map(|file: &FileOfVersion| &file.digest));
        }
    }
}

fn name_of(name: &ImageName, number: VersionNumber) -> Result<VersionName> {
    VersionName::new(name.as_str(), number).map_err(|cause| Error::failed(cause.to_string()))
}

fn marker_of(name: &ImageName, version: &Version) -> Result<Marker> {
    Ok(Marker { version: name_of(name, version.number)?, digest: version.digest })
}

fn listed_version(
    name: &ImageName,
    version: &Version,
    history: &History,
    current: Option<&Marker>,
) -> ListedVersion {
    let is_current = current.is_some_and(|marker| marker.version.number() == version.number);
    let state = match (is_current, version.withdrawn) {
        (true, _) => VersionState::Current,
        (false, Some(_)) => VersionState::Older,
        (false, None) => VersionState::Held,
    };
    ListedVersion {
        image: name.to_string(),
        number: version.number.get(),
        digest: version.digest.to_string(),
        state,
        date: version.date.to_string(),
        action: version.action.clone(),
        kernel: version.kernel.clone(),
        size_bytes: version.size_bytes,
        new_bytes: version.new_bytes,
        memory_mebibytes: version.memory_mebibytes,
        tags: history.tags_of(version.number),
    }
}
