//! Small artifacts: one file, and a configuration that says nothing.

use crate::failure;
use disklessset_oci::{
    manifest::{Artifact, Blob, MANIFEST_TYPE, ManifestError, Subject},
    names::{Digest, Target},
    registry::Registry,
};
use disklessset_plugin_api::{Error, Result};

/// A configuration that says nothing, as the specification of images has it.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// An artifact with one file.
pub(crate) struct SmallArtifact<'f> {
    manifest: Vec<u8>,
    file: &'f [u8],
}

impl<'f> SmallArtifact<'f> {
    /// The same words make the same artifact.
    ///
    /// # Errors
    /// A type or a title that is none.
    pub(crate) fn new(
        artifact_type: &str,
        title: &str,
        media_type: &str,
        file: &'f [u8],
        subject: Option<Subject>,
    ) -> Result<Self> {
        let unusable = |error: ManifestError| Error::failed(error.to_string());
        let mut artifact = Artifact::new(artifact_type, blob(EMPTY.0, EMPTY.1)).map_err(unusable)?;
        artifact.add_file(title.parse().map_err(unusable)?, blob(media_type, file)).map_err(unusable)?;
        artifact.set_subject(subject);
        Ok(Self { manifest: artifact.to_bytes().map_err(unusable)?, file })
    }

    /// The digest of its manifest, which is what it is.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// Bytes in its manifest.
    pub(crate) fn manifest_size(&self) -> u64 {
        self.manifest.len() as u64
    }

    /// Sends it: its file first, then its manifest under this name.
    ///
    /// # Errors
    /// A registry that does not take it.
    pub(crate) fn push(&self, registry: &Registry, target: &Target) -> Result<()> {
        for bytes in [EMPTY.1, self.file] {
            let _ = registry.push_bytes(bytes).map_err(failure::of)?;
        }
        registry.push_manifest(target, &self.manifest, MANIFEST_TYPE).map(drop).map_err(failure::of)
    }
}

/// Bytes as a manifest tells of them.
pub(crate) fn blob(media_type: &str, bytes: &[u8]) -> Blob {
    Blob { media_type: media_type.to_owned(), digest: Digest::of(bytes), size: bytes.len() as u64 }
}
