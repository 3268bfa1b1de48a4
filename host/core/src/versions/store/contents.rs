//! The files of one version, read by their digests.

use super::{
    super::{FileOfVersion, FilesByName, artifact},
    Store, of_layout,
};
use crate::{
    failure,
    system::{atomic_file, failpoint::failpoint},
};
use camino::Utf8Path;
use disklessset_oci::{
    layout::{Known, LayoutError, MOST_MANIFEST},
    manifest::{ARTIFACT_TYPE, Artifact},
    names::Digest,
};
use disklessset_plugin_api::{Error, Result};

impl Store<'_> {
    /// Hashes a file.
    ///
    /// # Errors
    /// When it cannot be read, or a stop is asked for.
    pub(crate) fn hash(&self, path: &Utf8Path) -> Result<Known> {
        self.oci()?.known(path).map_err(of_layout)
    }

    /// The size of a blob that is there and what its name says.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub(crate) fn size_of(&self, digest: &Digest) -> Result<Option<u64>> {
        match self.oci()?.trust(digest) {
            Ok(blob) => Ok(Some(blob.size)),
            Err(LayoutError::Missing(_) | LayoutError::Damaged { .. }) => Ok(None),
            Err(error) => Err(of_layout(error)),
        }
    }

    /// The files and the boot file of a version.
    ///
    /// # Errors
    /// When its manifest is missing, damaged or none.
    pub(crate) fn read(&self, digest: &Digest) -> Result<(FilesByName, String)> {
        let artifact = self.artifact(digest)?;
        let boot_file = artifact::boot_file(&artifact).unwrap_or_default().to_owned();
        Ok((artifact::files(&artifact)?, boot_file))
    }

    /// The manifest of a version. It is small: it is hashed each time, and who may read it needs nothing else.
    pub(in crate::versions) fn artifact(&self, digest: &Digest) -> Result<Artifact> {
        Artifact::parse(&self.manifest(digest)?, ARTIFACT_TYPE).map_err(artifact::of_manifest)
    }

    /// The bytes of a manifest.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub(crate) fn manifest(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.layout.oci_dir().join("blobs/sha256").join(digest.hex());
        let bytes = atomic_file::read_bounded(&path, MOST_MANIFEST).map_err(failure::of)?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(Error::failed(format!("the manifest {digest} is damaged"))),
        }
    }

    /// Makes files of a version in a directory, under their names there. What each shares is told by the layout.
    ///
    /// # Errors
    /// When a blob is missing or damaged, or a file cannot be made.
    pub(crate) fn give<'f>(
        &self,
        files: impl IntoIterator<Item = (&'f String, &'f FileOfVersion)>,
        directory: &Utf8Path,
    ) -> Result<()> {
        let oci = self.oci()?;
        for (name, file) in files {
            let to = directory.join(name);
            if let Some(parent) = to.parent().filter(|parent| *parent != directory) {
                atomic_file::create_dir_all(parent, 0o755).map_err(failure::of)?;
            }
            let _ = oci.give(&file.digest, &to).map_err(of_layout)?;
            failpoint!("version: a file given", to);
        }
        Ok(())
    }

    /// Puts on record that names of files came or went, so that blobs which are the same files need not be hashed again.
    pub(crate) fn names_changed<'f>(&self, digests: impl IntoIterator<Item = &'f Digest>) {
        let Ok(oci) = self.oci() else { return };
        for digest in digests {
            // Without it, the blob is hashed at the next look.
            let _ = oci.names_changed(digest);
        }
    }
}
