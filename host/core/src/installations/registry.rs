//! Reading and changing `installations.yml`, always under its lock.

use super::{
    format::{Entries, Installation, MOST_BYTES},
    journal,
};
use crate::system::{
    FileError, atomic_file, files,
    layout::Layout,
    lock::{Lock, LockError, LockProbe, Wait},
    process,
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::ImageName;
use std::time::SystemTime;

/// Why the register cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// The file is not what it should be.
    #[error("cannot understand {path}: {reason}")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Line and reason.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The lock cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// The register of creations.
#[derive(Debug, Clone)]
pub(crate) struct Installations {
    layout: Layout,
}

impl Installations {
    /// The register below a layout.
    pub(crate) fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone() }
    }

    /// A snapshot for reading. The file is replaced by rename, so it is whole without a lock.
    ///
    /// # Errors
    /// When it cannot be read or understood. A missing file is an empty register.
    pub(crate) fn snapshot(&self) -> Result<Entries, RegistryError> {
        let path = self.layout.installations_file();
        match atomic_file::read_bounded(&path, MOST_BYTES) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                Entries::parse(&text).map_err(|reason| RegistryError::Unreadable { path, reason })
            }
            Err(error) if error.is_not_found() => Ok(Entries::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes the register: reads under the lock, applies `change`, replaces the file durably.
    ///
    /// # Errors
    /// When the lock, the reading or the writing fails; the file is then as it was.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> Result<T, RegistryError> {
        let _lock = self.lock("update")?;
        let mut entries = self.snapshot()?;
        let before = entries.clone();
        let outcome = change(&mut entries);
        if entries != before {
            let path = self.layout.installations_file();
            let unwritable = |reason| RegistryError::Unreadable { path: path.clone(), reason };
            let text = entries.kept_text().map_err(unwritable)?;
            files::sweep_temporaries(&path)?;
            atomic_file::replace(&path, text.as_bytes(), 0o644)?;
        }
        Ok(outcome)
    }

    /// Puts a creation on record.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub(crate) fn begin(&self, name: &ImageName, entry: Installation) -> Result<(), RegistryError> {
        self.update(|entries| {
            entries.images.insert(name.clone(), entry);
        })
    }

    /// Takes a creation off the record.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub(crate) fn end(&self, name: &ImageName) -> Result<(), RegistryError> {
        self.update(|entries| {
            entries.images.remove(name);
        })
    }

    /// Takes creations off the record, all at once.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub(crate) fn end_all<'n>(
        &self,
        names: impl IntoIterator<Item = &'n ImageName>,
    ) -> Result<(), RegistryError> {
        self.update(|entries| {
            for name in names {
                entries.images.remove(name);
            }
        })
    }

    /// Removes what a writer that was killed left beside the file.
    ///
    /// # Errors
    /// When the lock cannot be had, or as removing files.
    pub(crate) fn sweep(&self) -> Result<(), RegistryError> {
        let path = self.layout.installations_file();
        // Looked at first without the lock: next to always there is nothing.
        if !files::has_temporaries(&path) {
            return Ok(());
        }
        let _lock = self.lock("clean")?;
        Ok(files::sweep_temporaries(&path)?)
    }

    /// Short: nobody holds this lock for longer than one durable write.
    fn lock(&self, operation: &str) -> Result<Lock, RegistryError> {
        let wait = Wait::Seconds(60);
        Ok(Lock::acquire(&self.layout.locks_dir(), "installations", "installations.yml", operation, wait)?)
    }

    /// Whether the process behind an entry is creating right now.
    ///
    /// Ours hold the image's lock, and its journal, for as long as they create, so these answer: they go with the process whatever
    /// kills it, across pid namespaces and reboots. 1.x held none; there it is told by when the process began.
    pub(crate) fn is_running(&self, name: &ImageName, entry: &Installation) -> bool {
        if entry.is_legacy() {
            // What cannot be found out is taken for running: nothing of it is touched then.
            return process::may_be_of_1x(entry.pid, self.registered(name)).unwrap_or(true);
        }
        is_held(&self.layout, name).unwrap_or(true)
    }
}

impl Installations {
    /// When 1.x registered an image at the latest: its directory is born right after. While there is none, the file was written then.
    fn registered(&self, name: &ImageName) -> Option<SystemTime> {
        match self.layout.image_dir(name.as_str()).symlink_metadata() {
            // Where the file system keeps no births, its last change is later, which is on the safe side.
            Ok(found) => found.created().or_else(|_| found.modified()).ok(),
            Err(_) => self.layout.installations_file().metadata().ok()?.modified().ok(),
        }
    }
}

/// Whether a living process is at an action on an image: it holds the image's lock and its journal. Either is enough: a file in `/run`
/// may be removed, or be in another `/run`.
///
/// # Errors
/// When neither shows it and one cannot be read.
pub(crate) fn is_held(layout: &Layout, name: &ImageName) -> Result<bool, FileError> {
    let lock = LockProbe::look(&layout.locks_dir(), &image_lock(name))?;
    Ok(lock.is_held() || journal::is_held(&journal::place(layout, name.as_str()))?)
}

/// The name of the lock of an image.
pub(crate) fn image_lock(name: &ImageName) -> String {
    format!("image-{name}")
}
