//! Compares what is in a layout with what its manifests name.

use super::{Index, Layout, LayoutError};
use crate::names::Digest;
use disklessset_system::FileError;

/// A blob that no manifest names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnnamedBlob {
    /// Its name.
    pub digest: Digest,
    /// Bytes in its file; what its removal frees, unless they are shared.
    pub size: u64,
}

impl Layout {
    /// The blobs that no manifest names: what may be removed. Files that are no blobs are not told.
    ///
    /// # Errors
    /// As [`Self::named_blobs`]: while a manifest cannot be read, nothing is known to be without use.
    pub fn unnamed_blobs(&self) -> Result<Vec<UnnamedBlob>, LayoutError> {
        self.blobs_not_named_by(&self.index()?)
    }

    /// The same for an index that is not written yet.
    ///
    /// # Errors
    /// As [`Self::named_blobs`].
    pub fn blobs_not_named_by(&self, index: &Index) -> Result<Vec<UnnamedBlob>, LayoutError> {
        let (named, blobs) = (self.blobs_named_by(index)?, self.blobs());
        let mut unnamed = Vec::new();
        for entry in blobs.read_dir_utf8().map_err(FileError::of("read directory", &blobs))? {
            let entry = entry.map_err(FileError::of("read directory", &blobs))?;
            let Ok(digest) = Digest::from_hex(entry.file_name()) else { continue };
            if !named.contains_key(&digest) {
                let found =
                    entry.path().symlink_metadata().map_err(FileError::of("inspect", entry.path()))?;
                unnamed.push(UnnamedBlob { digest, size: found.len() });
            }
        }
        unnamed.sort_by_key(|blob| blob.digest);
        Ok(unnamed)
    }

    /// What is wrong with the blobs that manifests name: each that is missing, damaged, or of another size than is told. `watch` is told
    /// each blob before it is looked at, with its bytes, and ends it by `false`.
    ///
    /// # Errors
    /// As [`Self::named_blobs`], and what the system refuses.
    pub fn verify(
        &self,
        mut watch: impl FnMut(&Digest, u64) -> bool,
    ) -> Result<Vec<LayoutError>, LayoutError> {
        let mut wrong = Vec::new();
        for (digest, size) in self.named_blobs()? {
            if !watch(&digest, size) {
                break;
            }
            match self.trust(&digest) {
                Ok(blob) if blob.size == size => {}
                Ok(blob) => {
                    let why = format!("it has {} bytes, and a manifest tells of {size}", blob.size);
                    wrong.push(LayoutError::damaged(&digest, why));
                }
                Err(error @ (LayoutError::Missing(_) | LayoutError::Damaged { .. })) => wrong.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(wrong)
    }
}
