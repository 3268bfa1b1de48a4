//! Why something in a layout cannot be done.

use crate::names::{Digest, NameError};
use camino::Utf8PathBuf;
use disklessset_system::FileError;

/// A layout, or something in it, that is not as it should be. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The system refused something; the reason is the error's source.
    #[error(transparent)]
    File(FileError),
    /// The layout's stop flag was raised in the midst of hashing or copying.
    #[error("stopped")]
    Stopped,
    /// A directory that is no OCI image layout.
    #[error("{path} is no OCI image layout: {why}")]
    NotALayout {
        /// The directory.
        path: Utf8PathBuf,
        /// What is missing or wrong.
        why: String,
    },
    /// `index.json` cannot be used.
    #[error("{path} cannot be used: {why}")]
    Index {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A blob that is not there.
    #[error("the blob {0} is missing")]
    Missing(Digest),
    /// A blob that is not what its name says.
    #[error("the blob {digest} is damaged: {why}")]
    Damaged {
        /// The blob's name.
        digest: Digest,
        /// What is wrong with it.
        why: String,
    },
    /// A manifest or an index that is what its name says, and yet cannot be used.
    #[error("the manifest {digest} cannot be used: {why}")]
    Manifest {
        /// The manifest.
        digest: Digest,
        /// What is wrong with it.
        why: String,
    },
    /// A file that somebody wrote to while it was put into the layout.
    #[error("{path} changed while it was read")]
    Changing {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A name that cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl From<FileError> for LayoutError {
    fn from(error: FileError) -> Self {
        match error.kind() {
            std::io::ErrorKind::Interrupted => Self::Stopped,
            _ => Self::File(error),
        }
    }
}

impl LayoutError {
    pub(super) fn damaged(digest: &Digest, why: impl Into<String>) -> Self {
        Self::Damaged { digest: *digest, why: why.into() }
    }

    pub(super) fn manifest(digest: &Digest, why: impl Into<String>) -> Self {
        Self::Manifest { digest: *digest, why: why.into() }
    }

    /// Whether the file system had no space left.
    pub fn is_out_of_space(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::File(error) if matches!(error.kind(), StorageFull | QuotaExceeded))
    }
}
