//! What of a version goes to others: its manifest, and which blobs it has.

use super::{
    current::{belongs_to, kernel_of},
    name_of,
};
use crate::{images::manager::ImageManager, system::lock::Lock, versions::VersionReference};
use disklessset_oci::{
    manifest::{ARTIFACT_TYPE, Artifact, Blob, ManifestError, TREE_TYPE},
    names::{Digest, VersionName},
};
use disklessset_plugin_api::{Error, Result};

/// A version that goes to others. While it is there nothing of it is pruned, where it was asked to hold the image.
#[derive(Debug)]
pub struct Outgoing {
    /// Which one.
    pub version: VersionName,
    /// Its manifest, which is what it is.
    pub digest: Digest,
    /// Whether nodes get it.
    pub is_current: bool,
    /// The bytes of its manifest.
    pub manifest: Vec<u8>,
    /// What the manifest has.
    pub artifact: Artifact,
    /// Whether its OS tree is in the files that nodes fetch.
    pub has_tree: bool,
    /// The OS tree that goes with it, where it is no part of the version.
    pub tree: Option<Digest>,
    _lock: Option<Lock>,
}

impl Outgoing {
    /// Has an OS tree go with it. The manifest tells of it; without it, that is the one of the version still.
    pub(super) fn add_tree(&mut self, title: &str, tree: Blob) -> Result<()> {
        self.tree = Some(tree.digest);
        self.artifact.add_file(title.parse().map_err(unusable)?, tree).map_err(unusable)?;
        self.manifest = self.artifact.to_bytes().map_err(unusable)?;
        self.digest = Digest::of(&self.manifest);
        Ok(())
    }

    fn with_tree_inside(self) -> Result<Self> {
        if self.has_tree {
            return Ok(self);
        }
        let name = self.version.name();
        Err(Error::refused(format!(
            "the OS tree of image {name} is no part of its versions: it cannot be pushed"
        ))
        .hint("--with-tree sends the tree as it is now, too"))
    }

    /// Whether a manifest is of this version, with whatever OS tree.
    pub fn is_version_of(&self, manifest: &[u8]) -> bool {
        let of = |manifest: &[u8]| {
            let mut artifact = Artifact::parse(manifest, ARTIFACT_TYPE)?;
            let _ = artifact.take_files(TREE_TYPE);
            Ok::<_, ManifestError>(artifact)
        };
        of(manifest).is_ok_and(|theirs| of(&self.manifest).is_ok_and(|ours| ours == theirs))
    }
}

fn unusable(error: ManifestError) -> Error {
    Error::failed(error.to_string())
}

impl ImageManager<'_> {
    /// Looks a version up that is to go to others.
    ///
    /// # Errors
    /// When there is no such version, a file of it is missing or damaged, or its tree is no part of it.
    pub fn check_give(&self, reference: &VersionReference) -> Result<Outgoing> {
        self.outgoing(reference, None)?.with_tree_inside()
    }

    /// The same, and nobody changes or prunes the image as long as it is held.
    ///
    /// # Errors
    /// As [`ImageManager::check_give`]; when somebody is at the image.
    pub fn give(&self, reference: &VersionReference) -> Result<Outgoing> {
        let (lock, _) = self.lock_and_load(&reference.image, "push a version of")?;
        self.outgoing(reference, Some(lock))?.with_tree_inside()
    }

    pub(super) fn outgoing(&self, reference: &VersionReference, lock: Option<Lock>) -> Result<Outgoing> {
        let found = self.find(reference)?;
        let version = name_of(&reference.image, found.version.number)?;
        self.must_be_whole(&reference.image, &found.version)?;
        let (files, _) = self.store().read(&found.version.digest)?;
        let kernel = kernel_of(&found.version);
        let is_own = |file: &String| !kernel.as_ref().is_some_and(|kernel| belongs_to(kernel, file));
        let has_tree = files.keys().any(is_own);
        let manifest = self.store().manifest(&found.version.digest)?;
        let artifact = Artifact::parse(&manifest, ARTIFACT_TYPE);
        let artifact = artifact.map_err(unusable)?;
        let (digest, is_current) = (found.version.digest, found.is_current());
        Ok(Outgoing { version, digest, is_current, manifest, artifact, has_tree, tree: None, _lock: lock })
    }
}
