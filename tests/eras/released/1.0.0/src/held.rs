//! What a class has the host make and hold: mounts, overlays, exports, and for how long.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

/// How long something acquired stays when its action succeeds. When the action fails it is always undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Until the action ends, however it ends.
    Action,
    /// Until it is released or the image is removed (an image mounted for editing).
    Image,
}

/// Something to mount. Targets lie in the image's work area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mount", rename_all = "snake_case")]
pub enum Mount {
    /// A directory seen through another, for reading and writing, what is mounted below it not included.
    Bind {
        /// The directory.
        source: Utf8PathBuf,
        /// The directory on which it is mounted.
        target: Utf8PathBuf,
    },
    /// A writable view of a read-only tree.
    Overlay {
        /// The tree.
        lower: Utf8PathBuf,
        /// Where changes go.
        upper: Utf8PathBuf,
        /// An empty directory beside `upper`.
        work: Utf8PathBuf,
        /// The directory on which it is mounted.
        target: Utf8PathBuf,
    },
    /// A file system in a file, read-only.
    Image {
        /// The file.
        file: Utf8PathBuf,
        /// The directory on which it is mounted.
        target: Utf8PathBuf,
    },
    /// The process file system, a view of `/sys` and a minimal `/dev`, below an OS tree.
    System {
        /// The tree.
        target: Utf8PathBuf,
    },
}

impl Mount {
    /// Where it is mounted.
    pub fn target(&self) -> &Utf8Path {
        match self {
            Self::Bind { target, .. }
            | Self::Overlay { target, .. }
            | Self::Image { target, .. }
            | Self::System { target } => target,
        }
    }
}

/// A writable view of a tree that NFS servers can export, and that is there again after a reboot. All of it lies on one file
/// system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersistentOverlay {
    /// The tree. Nobody may change it while the view stands.
    pub lower: Utf8PathBuf,
    /// Where changes go. Empty before the first time, never changed by others since.
    pub upper: Utf8PathBuf,
    /// A directory beside `upper`, the file system's own.
    pub work: Utf8PathBuf,
    /// Where, an empty directory.
    pub target: Utf8PathBuf,
}

/// A directory offered to NFS clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The directory, a real path.
    pub path: Utf8PathBuf,
    /// Who may mount it, as `/etc/exports` writes them: `*`, a host name, `10.0.0.0/16`, `@netgroup`.
    pub clients: Vec<String>,
    /// How, the same for all of them: `rw`, `no_root_squash`, `fsid=…`.
    pub options: Vec<String>,
}
