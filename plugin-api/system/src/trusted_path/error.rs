//! Why a path is not to be relied on.

use crate::FileError;
use camino::{Utf8Path, Utf8PathBuf};

/// Why a path is not to be relied on.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A component belongs to somebody else.
    #[error("{path} belongs to uid {owner} (mode {mode:04o}), who could change what disklessset relies on")]
    Owner {
        /// The component.
        path: Utf8PathBuf,
        /// Whose it is.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// Others may write to a component.
    #[error(
        "{path} can be written by others (mode {mode:04o}, owner uid {owner}), who could change what disklessset relies on"
    )]
    Writable {
        /// The component.
        path: Utf8PathBuf,
        /// Whose it is.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// A link that others could have put there.
    #[error(
        "{path} is a link that somebody else could have planted (owner uid {owner}, mode {mode:04o} of its directory)"
    )]
    Link {
        /// The link.
        path: Utf8PathBuf,
        /// Whose it is.
        owner: u32,
        /// Permission bits of the directory it is in.
        mode: u32,
    },
    /// The path cannot be walked.
    #[error(transparent)]
    File(#[from] FileError),
}

impl TrustError {
    /// For callers whose errors are those of files: what others could change is the reason.
    pub fn into_file_error(self, act: &'static str, path: &Utf8Path) -> FileError {
        match self {
            Self::File(error) => error,
            other => FileError { act, path: path.to_owned(), source: std::io::Error::other(other) },
        }
    }
}
