//! Removes what killed programs left, and blobs that nothing needs any more.

use super::{Layout, LayoutError};
use crate::names::Digest;
use disklessset_system::{FileError, durable};
use std::{
    fs::File,
    io,
    time::{Duration, SystemTime},
};

impl Layout {
    /// Removes what killed programs left, for those who hold the lock under which the layout is changed: what is half made, and records of blobs
    /// that are gone.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn sweep(&self, partials_older_than: Duration) -> Result<(), LayoutError> {
        self.sweep_half_made(partials_older_than)?;
        self.sweep_stamps()
    }

    /// Removes what is half made alone: files that were to become blobs, and downloads that nobody went on with for so long. It takes the same
    /// time however many blobs there are.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn sweep_half_made(&self, partials_older_than: Duration) -> Result<(), LayoutError> {
        let incoming = self.incoming();
        let entries = match incoming.read_dir_utf8() {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(FileError::of("read directory", &incoming))?,
        };
        for entry in entries {
            let entry = entry.map_err(FileError::of("read directory", &incoming))?;
            let found = entry.path().symlink_metadata().map_err(FileError::of("inspect", entry.path()))?;
            let is_partial = found.is_file() && Digest::from_hex(entry.file_name()).is_ok();
            let changed = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let age = SystemTime::now().duration_since(changed).unwrap_or_default();
            if is_partial && (age < partials_older_than || is_held(entry.path())) {
                continue;
            }
            durable::remove_file(entry.path())?;
        }
        Ok(durable::sweep_temporaries(&self.path.join("index.json"))?)
    }

    /// Records of blobs that are gone, and half-written ones.
    fn sweep_stamps(&self) -> Result<(), LayoutError> {
        let entries = self.stamps.read_dir_utf8().map_err(FileError::of("read directory", &self.stamps))?;
        for entry in entries {
            let entry = entry.map_err(FileError::of("read directory", &self.stamps))?;
            let blob = Digest::from_hex(entry.file_name()).ok();
            let half = entry.file_name().starts_with('.') && entry.file_name().ends_with(".new");
            if half || blob.is_some_and(|digest| self.blob_path(&digest).symlink_metadata().is_err()) {
                durable::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes a blob and what is on record of it, durably; one that is not there is fine.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn remove_blob(&self, digest: &Digest) -> Result<(), LayoutError> {
        // In this order no record is left of a blob that is gone.
        self.forget_stamp(digest)?;
        Ok(durable::remove_file(&self.blob_path(digest))?)
    }
}

/// Whether somebody brings more of it right now.
fn is_held(path: &camino::Utf8Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}
