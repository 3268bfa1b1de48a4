//! What may be served: one directory, seen with the eyes of an unprivileged web server.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::Arc;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use nix::libc;

/// The record of an image, which may hold a password hash: never served, whatever its mode
/// (1.x wrote it 0644).
pub const HIDDEN_FILE: &str = "image_data.yml";

/// A directory that is served, and files that exist only in memory and win over those on disk.
#[derive(Debug, Clone)]
pub struct ServedTree {
    root: Arc<Utf8Path>,
    in_memory: Arc<BTreeMap<String, Bytes>>,
}

/// Why a path below the root is not served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file, or it is no regular file or directory.
    #[error("{path}: no such file")]
    Missing {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
    },
    /// An unprivileged web server could not read it.
    #[error("{path}: mode {mode:04o} of {at} keeps a web server out")]
    Mode {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
        /// The file or directory whose mode is too tight.
        at: Utf8PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A link leads out of the root.
    #[error("{path}: a link leads out of the served directory")]
    Outside {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
    },
    /// A file that is never served.
    #[error("{path}: image records are not served")]
    Hidden {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
    },
    /// The disk failed.
    #[error("cannot read {path}")]
    Io {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// The kind by which the file service chooses 404, 403 or 500.
    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Missing { .. } => io::ErrorKind::NotFound,
            Self::Mode { .. } | Self::Outside { .. } | Self::Hidden { .. } => io::ErrorKind::PermissionDenied,
            Self::Io { source, .. } => source.kind(),
        }
    }
}

impl ServedTree {
    /// Takes `root` as the directory to serve.
    ///
    /// # Errors
    /// When `root` cannot be resolved, or is not named in UTF-8.
    pub fn new(root: &Utf8Path) -> io::Result<Self> {
        let root = root.canonicalize_utf8()?;
        Ok(Self { root: Arc::from(root), in_memory: Arc::default() })
    }

    /// Adds a file that lives in memory only; `path` is relative to the root.
    #[must_use]
    pub fn with_file(mut self, path: &str, content: impl Into<Bytes>) -> Self {
        Arc::make_mut(&mut self.in_memory).insert(path.to_owned(), content.into());
        self
    }

    pub(super) fn in_memory(&self, path: &str) -> Option<Bytes> {
        self.in_memory.get(path).cloned()
    }

    /// Opens the file or directory `path` (relative to the root) if an unprivileged web server
    /// could: the file readable and every directory from the root down searchable for others.
    ///
    /// The checks are made on what was opened, not on the name, so that nothing changed in between
    /// can slip through.
    ///
    /// # Errors
    /// An [`OpenError`] that names what is in the way.
    pub fn open(&self, path: &Utf8Path) -> Result<(File, Metadata), OpenError> {
        let asked = || path.to_owned();
        let from_io = |source: io::Error| match source.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ENAMETOOLONG | libc::ENXIO) => {
                OpenError::Missing { path: asked() }
            }
            _ => OpenError::Io { path: asked(), source },
        };
        // O_NONBLOCK: a FIFO planted in the tree must not hang the server.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(self.root.join(path))
            .map_err(from_io)?;
        let metadata = file.metadata().map_err(from_io)?;
        if !metadata.is_file() && !metadata.is_dir() {
            return Err(OpenError::Missing { path: asked() });
        }
        let real =
            std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(from_io).and_then(
                |real| Utf8PathBuf::from_path_buf(real).map_err(|_| OpenError::Missing { path: asked() }),
            )?;
        let Ok(below) = real.strip_prefix(&*self.root) else {
            return Err(OpenError::Outside { path: asked() });
        };
        if path.file_name() == Some(HIDDEN_FILE) || below.file_name() == Some(HIDDEN_FILE) {
            return Err(OpenError::Hidden { path: asked() });
        }
        self.directories_searchable(path, below)?;
        let need = if metadata.is_dir() { 0o001 } else { 0o004 };
        if metadata.mode() & need == 0 {
            return Err(OpenError::Mode {
                path: asked(),
                at: below.to_owned(),
                mode: metadata.mode() & 0o7777,
            });
        }
        Ok((file, metadata))
    }

    /// Every directory on the way to `below`, the root included, must be searchable for others.
    fn directories_searchable(&self, asked: &Utf8Path, below: &Utf8Path) -> Result<(), OpenError> {
        for directory in below.ancestors().skip(1) {
            let mode = std::fs::metadata(self.root.join(directory))
                .map_err(|source| OpenError::Io { path: asked.to_owned(), source })?
                .mode();
            if mode & 0o001 == 0 {
                let at = match directory.as_str() {
                    "" => self.root.to_path_buf(),
                    _ => directory.to_owned(),
                };
                return Err(OpenError::Mode { path: asked.to_owned(), at, mode: mode & 0o7777 });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    struct Site {
        _outer: tempfile::TempDir,
        root: Utf8PathBuf,
        tree: ServedTree,
    }

    fn site() -> Site {
        let outer = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(outer.path()).unwrap().join("html");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        for d in ["", "a", "a/b"] {
            set_permissions(root.join(d), Permissions::from_mode(0o755)).unwrap();
        }
        put(&root.join("a/b/file"), "content", 0o644);
        let tree = ServedTree::new(&root).unwrap();
        Site { _outer: outer, root, tree }
    }

    #[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn put(path: &Utf8Path, content: &str, mode: u32) {
        std::fs::write(path, content).unwrap();
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_readable_file_is_opened() {
        let site = site();
        let (_, meta) = site.tree.open(Utf8Path::new("a/b/file")).unwrap();
        assert_eq!(meta.len(), 7);
    }

    #[test]
    fn what_a_web_server_could_not_read_is_refused_with_its_mode() {
        let site = site();
        put(&site.root.join("a/b/initramfs"), "x", 0o600);
        let error = site.tree.open(Utf8Path::new("a/b/initramfs")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("mode 0600 of a/b/initramfs"), "{error}");

        set_permissions(site.root.join("a"), Permissions::from_mode(0o700)).unwrap();
        let error = site.tree.open(Utf8Path::new("a/b/file")).unwrap_err();
        assert!(error.to_string().contains("mode 0700 of a keeps"), "{error}");
    }

    #[test]
    fn a_root_nobody_may_enter_is_named() {
        let site = site();
        set_permissions(&site.root, Permissions::from_mode(0o750)).unwrap();
        let error = site.tree.open(Utf8Path::new("a/b/file")).unwrap_err();
        assert!(error.to_string().contains(site.root.as_str()), "{error}");
    }

    #[test]
    fn links_stay_inside() {
        let site = site();
        put(&site.root.join("../secret"), "s", 0o644);
        symlink("../secret", site.root.join("out")).unwrap();
        symlink("a/b", site.root.join("in")).unwrap();
        assert!(site.tree.open(Utf8Path::new("in/file")).is_ok());
        let error = site.tree.open(Utf8Path::new("out")).unwrap_err();
        assert!(matches!(error, OpenError::Outside { .. }), "{error}");
    }

    #[test]
    fn records_are_hidden_even_through_a_link() {
        let site = site();
        put(&site.root.join("a/image_data.yml"), "password: x", 0o644);
        symlink("image_data.yml", site.root.join("a/innocent")).unwrap();
        for name in ["a/image_data.yml", "a/innocent"] {
            let error = site.tree.open(Utf8Path::new(name)).unwrap_err();
            assert!(matches!(error, OpenError::Hidden { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_fifo_is_not_there() {
        let site = site();
        nix::unistd::mkfifo(
            site.root.join("a/fifo").as_std_path(),
            nix::sys::stat::Mode::from_bits_truncate(0o644),
        )
        .unwrap();
        let error = site.tree.open(Utf8Path::new("a/fifo")).unwrap_err();
        assert!(matches!(error, OpenError::Missing { .. }), "{error}");
        let error = site.tree.open(Utf8Path::new("a/none")).unwrap_err();
        assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    }
}
