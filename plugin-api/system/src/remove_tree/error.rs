//! Why a removal did not happen, or stopped.

use crate::{FileError, trusted_path::TrustError};
use camino::Utf8PathBuf;

/// Why a tree was not removed, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Not strictly below a directory of disklessset. Nothing was deleted.
    #[error("cannot remove {path}: it does not lie below a directory that belongs to disklessset")]
    NotOwned {
        /// The tree.
        path: Utf8PathBuf,
    },
    /// A link is on the way. Nothing was deleted.
    #[error("cannot remove {path}: {link} is not a directory of its own but a link or a file")]
    Link {
        /// The tree.
        path: Utf8PathBuf,
        /// The component.
        link: Utf8PathBuf,
    },
    /// A link is on the way that somebody else could have planted. Nothing was deleted.
    #[error("cannot remove {path}")]
    Untrusted {
        /// The tree.
        path: Utf8PathBuf,
        /// The component.
        #[source]
        source: TrustError,
    },
    /// Something is mounted in it. Nothing was deleted.
    #[error("cannot remove {path}: still mounted: {}", .mounts.iter().map(|mount| mount.as_str()).collect::<Vec<_>>().join(", "))]
    Mounted {
        /// The tree.
        path: Utf8PathBuf,
        /// The mounts.
        mounts: Vec<Utf8PathBuf>,
    },
    /// Something was mounted in it while it was removed; the removal stopped in front of it.
    #[error("removal of {path} stopped: a mount appeared at {at}")]
    MountAppeared {
        /// The tree.
        path: Utf8PathBuf,
        /// The mount.
        at: String,
    },
    /// Somebody moved a directory while it was removed; the removal stopped.
    #[error("removal of {path} stopped: {at} was moved or filled by somebody else meanwhile")]
    Disturbed {
        /// The tree.
        path: Utf8PathBuf,
        /// The directory.
        at: String,
    },
    /// The system refused.
    #[error("removal of {path} stopped at {at}")]
    Refused {
        /// The tree.
        path: Utf8PathBuf,
        /// The entry.
        at: String,
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
    /// The way to the tree, or the table of mounts, cannot be read. Nothing was deleted.
    #[error(transparent)]
    File(#[from] FileError),
}
