//! What may be served: one directory, seen with the eyes of an unprivileged web server.

mod open_error;
mod places;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::names::Digest;
use disklessset_system::beneath::{self, Links, Mounts};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

pub use open_error::OpenError;
use places::is_hidden;
pub use places::{HIDDEN_FILE, ServedPlaces};

/// An open is tried again when something was renamed meanwhile.
const ATTEMPTS: usize = 16;

/// A directory that is served, and files that exist only in memory and win over those on disk.
#[derive(Debug, Clone)]
pub struct ServedTree {
    root: Arc<Root>,
    places: Arc<ServedPlaces>,
    in_memory: Arc<BTreeMap<Utf8PathBuf, Arc<[u8]>>>,
}

/// Held open: who gave up root may not be able to reach it any more.
#[derive(Debug)]
struct Root {
    path: Utf8PathBuf,
    directory: OwnedFd,
}

impl ServedTree {
    /// Takes `root` as the directory to serve.
    ///
    /// # Errors
    /// When `root` cannot be resolved, or is not named in UTF-8.
    pub fn new(root: &Utf8Path) -> io::Result<Self> {
        let path = root.canonicalize_utf8()?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path.as_std_path(), flags, Mode::empty())?;
        let root = Arc::new(Root { path, directory });
        Ok(Self { root, places: Arc::default(), in_memory: Arc::default() })
    }

    /// Serves these places alone.
    #[must_use]
    pub fn limited_to(mut self, places: ServedPlaces) -> Self {
        self.places = Arc::new(places);
        self
    }

    /// Adds a file that lives in memory only; `path` is relative to the root.
    #[must_use]
    pub fn with_file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        Arc::make_mut(&mut self.in_memory).insert(path.into(), content.into().into());
        self
    }

    pub(crate) fn in_memory(&self, path: &Utf8Path) -> Option<Arc<[u8]>> {
        self.in_memory.get(path).cloned()
    }

    /// The digest by which a path names a blob: what is there never changes.
    pub(crate) fn blob(&self, path: &Utf8Path) -> Option<Digest> {
        self.places.blob(path)
    }

    pub(crate) fn places(&self) -> &ServedPlaces {
        &self.places
    }

    /// Opens the file `path` (relative to the root) if an unprivileged web server
    /// could: the file readable and every directory from the root down searchable for others.
    ///
    /// The checks are made on what was opened, not on the name, so that nothing changed in between
    /// can slip through.
    ///
    /// # Errors
    /// An [`OpenError`] that names what is in the way.
    pub fn open(&self, path: &Utf8Path) -> Result<(File, Metadata), OpenError> {
        let asked = || path.to_owned();
        if is_hidden(path) {
            return Err(OpenError::Hidden { path: asked() });
        }
        if path.as_str().is_empty() || !self.places.have(path) {
            return Err(OpenError::Missing { path: asked() });
        }
        let file = File::from(self.open_beneath(path).map_err(|error| of_system(path, error))?);
        let metadata = file.metadata().map_err(|source| OpenError::Io { path: asked(), source })?;
        if !metadata.is_file() {
            return Err(OpenError::Missing { path: asked() });
        }
        let real = beneath::place_of(&file).map_err(|error| of_system(path, error))?;
        let real = Utf8PathBuf::from_path_buf(real).map_err(|_| OpenError::Missing { path: asked() })?;
        let Ok(below) = real.strip_prefix(&self.root.path) else {
            return Err(OpenError::Outside { path: asked() });
        };
        if is_hidden(below) {
            return Err(OpenError::Hidden { path: asked() });
        }
        self.directories_searchable(path, below)?;
        if metadata.mode() & 0o004 == 0 {
            let mode = metadata.mode() & 0o7777;
            return Err(OpenError::Mode { path: asked(), at: below.to_owned(), mode });
        }
        Ok((file, metadata))
    }

    /// Opens a path of which no link leads out of the root.
    fn open_beneath(&self, path: &Utf8Path) -> rustix::io::Result<OwnedFd> {
        // NONBLOCK: a FIFO planted in the tree must not hang the server.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let (root, path) = (&self.root.directory, path.as_std_path());
        let mut outcome = Err(Errno::AGAIN);
        for _ in 0..ATTEMPTS {
            outcome = match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
                // Enterprise Linux 8.
                Err(Errno::NOSYS) => beneath::inside(root, path, flags, Links::Inside, Mounts::Entered),
                opened => opened,
            };
            if outcome.as_ref().err() != Some(&Errno::AGAIN) {
                break;
            }
        }
        outcome
    }

    /// Every directory on the way to `below`, the root included, must be searchable for others.
    fn directories_searchable(&self, asked: &Utf8Path, below: &Utf8Path) -> Result<(), OpenError> {
        for directory in below.ancestors().skip(1) {
            let (name, flags) = match directory.as_str() {
                "" => ("", AtFlags::EMPTY_PATH),
                name => (name, AtFlags::empty()),
            };
            let seen = match rustix::fs::statat(&self.root.directory, name, flags) {
                Ok(seen) => seen,
                // Renamed since: the file is open, and its old name tells nothing any more.
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(of_system(asked, error)),
            };
            if seen.st_mode & 0o001 == 0 {
                let at = match name {
                    "" => self.root.path.clone(),
                    _ => directory.to_owned(),
                };
                return Err(OpenError::Mode { path: asked.to_owned(), at, mode: seen.st_mode & 0o7777 });
            }
        }
        Ok(())
    }
}

fn of_system(path: &Utf8Path, error: Errno) -> OpenError {
    let path = path.to_owned();
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::NXIO | Errno::ISDIR => {
            OpenError::Missing { path }
        }
        Errno::XDEV => OpenError::Outside { path },
        error => OpenError::Io { path, source: error.into() },
    }
}
