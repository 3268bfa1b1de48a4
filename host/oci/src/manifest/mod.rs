//! The artifact manifest of one version: a layer for each file, a configuration, annotations.
//!
//! It is written so that the same parts give the same bytes, whose digest is the identity of the version. What is read is checked before
//! it becomes an [`Artifact`]: nothing in one is a name that could lead anywhere.

mod error;
mod read;
mod title;
mod write;

pub use error::ManifestError;
pub use title::Title;

use crate::names::Digest;
use std::collections::BTreeMap;

/// What such a manifest is, for registries and people.
pub const ARTIFACT_TYPE: &str = "application/vnd.disklessset.image.v1+json";
/// What its configuration is.
pub const CONFIG_TYPE: &str = "application/vnd.disklessset.image.config.v1+json";
/// What a file is whose kind nobody tells.
pub const FILE_TYPE: &str = "application/octet-stream";
/// What the OS tree of an image is that nodes mount instead of fetching it: a tar archive that other tools know as a layer.
pub const TREE_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// What the manifest is as a document.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The annotation with the title of a layer.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The most files of one artifact.
pub const MOST_FILES: usize = 1000;

/// A blob as a manifest tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What it is.
    pub media_type: String,
    /// Its name.
    pub digest: Digest,
    /// Bytes in it.
    pub size: u64,
}

/// A manifest that another one is about: a signature's is about that of an image.
pub type Subject = Blob;

/// The files of one version, its configuration, and what is told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    artifact_type: String,
    config: Blob,
    files: BTreeMap<Title, Blob>,
    annotations: BTreeMap<String, String>,
    subject: Option<Subject>,
}

impl Artifact {
    /// An artifact of this type without files yet.
    ///
    /// # Errors
    /// A media type that is none.
    pub fn new(artifact_type: &str, config: Blob) -> Result<Self, ManifestError> {
        read::check_media_type(artifact_type)?;
        read::check_media_type(&config.media_type)?;
        Ok(Self {
            artifact_type: artifact_type.to_owned(),
            config,
            files: BTreeMap::new(),
            annotations: BTreeMap::new(),
            subject: None,
        })
    }

    /// Adds a file.
    ///
    /// # Errors
    /// A title that is there already, more than [`MOST_FILES`], sizes beyond what can be counted, a media type that is none.
    pub fn add_file(&mut self, title: Title, file: Blob) -> Result<(), ManifestError> {
        read::check_media_type(&file.media_type)?;
        if self.files.contains_key(&title) {
            return Err(ManifestError::Twice(title));
        }
        if self.files.len() == MOST_FILES {
            return Err(ManifestError::TooManyFiles);
        }
        self.size().checked_add(file.size).ok_or(ManifestError::TooLarge)?;
        self.files.insert(title, file);
        Ok(())
    }

    /// Takes the files of a media type out of it.
    pub fn take_files(&mut self, media_type: &str) -> Vec<Blob> {
        let taken = self.files.extract_if(.., |_, file| file.media_type == media_type);
        taken.map(|(_, file)| file).collect()
    }

    /// Says something about the artifact; what was said under this key before is replaced.
    pub fn annotate(&mut self, key: &str, value: &str) {
        self.annotations.insert(key.to_owned(), value.to_owned());
    }

    /// Says which manifest this one is about.
    pub fn set_subject(&mut self, subject: Option<Subject>) {
        self.subject = subject;
    }

    /// What kind of artifact it is.
    pub fn artifact_type(&self) -> &str {
        &self.artifact_type
    }

    /// The configuration.
    pub fn config(&self) -> &Blob {
        &self.config
    }

    /// The files by their titles, sorted.
    pub fn files(&self) -> &BTreeMap<Title, Blob> {
        &self.files
    }

    /// What is said about it.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The manifest that this one is about.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// All blobs, the configuration first.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.config).chain(self.files.values())
    }

    /// Bytes of all blobs together.
    pub fn size(&self) -> u64 {
        // Checked when they were added.
        self.blobs().fold(0, |sum, blob| sum.saturating_add(blob.size))
    }
}

#[cfg(test)]
mod tests;
