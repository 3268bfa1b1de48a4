//! Whole artifacts: their manifest and all their blobs.

use super::{Progress, Registry, RegistryError};
use crate::{
    layout::Layout,
    manifest::{Artifact, MANIFEST_TYPE},
    names::{Digest, RegistryTag, Target},
};

/// An artifact that is in the layout, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledArtifact {
    /// The digest of its manifest.
    pub digest: Digest,
    /// Bytes in its manifest.
    pub size: u64,
    /// What the manifest has.
    pub artifact: Artifact,
}

impl Registry {
    /// Gets the manifest of an artifact of this type; nothing of it is in the layout yet.
    ///
    /// # Errors
    /// As [`Self::manifest`]; a manifest of something else, or one that cannot be used.
    pub fn artifact(
        &self,
        target: &Target,
        artifact_type: &str,
    ) -> Result<(Artifact, Vec<u8>), RegistryError> {
        let manifest = self.manifest(target)?;
        let digest = manifest.digest;
        let artifact = Artifact::parse(&manifest.bytes, artifact_type)
            .map_err(|source| RegistryError::Manifest { digest, source })?;
        Ok((artifact, manifest.bytes))
    }

    /// Brings an artifact into the layout: all blobs, then the manifest. It has no name there yet.
    ///
    /// # Errors
    /// As [`Self::artifact`] and [`Self::pull_blob`].
    pub fn pull_artifact(
        &self,
        target: &Target,
        artifact_type: &str,
        layout: &Layout,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PulledArtifact, RegistryError> {
        let (artifact, bytes) = self.artifact(target, artifact_type)?;
        for blob in artifact.blobs() {
            self.pull_blob(&blob.digest, blob.size, layout, progress)?;
        }
        let put = layout.put_bytes(&bytes)?;
        Ok(PulledArtifact { digest: put.digest, size: put.size, artifact })
    }

    /// Sends an artifact of the layout: all blobs that the registry does not have, then the manifest, by its digest and under each tag.
    ///
    /// # Errors
    /// A manifest that is missing, or of something else; as [`Self::push_blob`] and [`Self::push_manifest`].
    pub fn push_artifact(
        &self,
        digest: &Digest,
        artifact_type: &str,
        tags: &[RegistryTag],
        layout: &Layout,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RegistryError> {
        let bytes = layout.read_manifest(digest)?;
        let artifact = Artifact::parse(&bytes, artifact_type)
            .map_err(|source| RegistryError::Manifest { digest: *digest, source })?;
        for blob in artifact.blobs() {
            self.push_blob(&blob.digest, layout, progress)?;
        }
        let targets = std::iter::once(Target::Digest(*digest)).chain(tags.iter().cloned().map(Target::Tag));
        for target in targets {
            self.push_manifest(&target, &bytes, MANIFEST_TYPE)?;
        }
        Ok(())
    }
}
