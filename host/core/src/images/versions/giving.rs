//! What of a version goes to others: its manifest, and which blobs it has.

use super::{current::belongs_to, name_of};
use crate::{images::manager::ImageManager, system::lock::Lock, versions::VersionReference};
use disklessset_oci::{
    manifest::{ARTIFACT_TYPE, Artifact},
    names::{Digest, VersionName},
};
use disklessset_plugin_api::{Error, Kernel, KernelVersion, Result};

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
    _lock: Option<Lock>,
}

impl ImageManager<'_> {
    /// Looks a version up that is to go to others.
    ///
    /// # Errors
    /// When there is no such version, a file of it is missing or damaged, or its tree is no part of it.
    pub fn check_give(&self, reference: &VersionReference) -> Result<Outgoing> {
        self.outgoing(reference, None)
    }

    /// The same, and nobody changes or prunes the image as long as it is held.
    ///
    /// # Errors
    /// As [`ImageManager::check_give`]; when somebody is at the image.
    pub fn give(&self, reference: &VersionReference) -> Result<Outgoing> {
        let (lock, _) = self.lock_and_load(&reference.image, "push a version of")?;
        self.outgoing(reference, Some(lock))
    }

    fn outgoing(&self, reference: &VersionReference, lock: Option<Lock>) -> Result<Outgoing> {
        let found = self.find(reference)?;
        let version = name_of(&reference.image, found.version.number)?;
        self.must_be_whole(&reference.image, &found.version)?;
        let (files, _) = self.store().read(&found.version.digest)?;
        let kernel = found.version.kernel.as_deref().and_then(|text| KernelVersion::parse(text).ok());
        let kernel = kernel.map(Kernel::new);
        let is_own = |file: &String| !kernel.as_ref().is_some_and(|kernel| belongs_to(kernel, file));
        if !files.keys().any(is_own) {
            return Err(Error::refused(format!(
                "the OS tree of image {} is no part of its versions: it cannot be pushed",
                reference.image
            )));
        }
        let manifest = self.store().manifest(&found.version.digest)?;
        let artifact = Artifact::parse(&manifest, ARTIFACT_TYPE);
        let artifact = artifact.map_err(|error| Error::failed(error.to_string()))?;
        let (digest, is_current) = (found.version.digest, found.is_current());
        Ok(Outgoing { version, digest, is_current, manifest, artifact, _lock: lock })
    }
}
