//! Gives the content of blobs back as files.

use super::{Layout, LayoutError, Sharing, hashing::copy, stamp::Stamp};
use crate::names::Digest;
use camino::Utf8Path;
use disklessset_system::{FileError, beneath};
use rustix::{
    fs::{AtFlags, CWD, linkat},
    io::Errno,
};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
};

impl Layout {
    /// Makes a new file, with mode 0644, that has the content of a blob and shares its data where that is possible. It is not flushed.
    ///
    /// # Errors
    /// A blob that is missing or damaged; a file that is there already; what the system refuses. There is no new file then.
    pub fn give(&self, digest: &Digest, to: &Utf8Path) -> Result<Sharing, LayoutError> {
        let blob = self.trust(digest)?;
        let made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(to);
        let made = made.map_err(FileError::of("create", to))?;
        if rustix::fs::ioctl_ficlone(&made, &blob.file).is_ok() {
            return Ok(Sharing::Reflink);
        }
        drop(made);
        std::fs::remove_file(to).map_err(FileError::of("remove", to))?;
        if link(&blob.file, to)? {
            self.names_changed(digest)?;
            return Ok(Sharing::HardLink);
        }
        self.copied_out(&blob.file, to)?;
        Ok(Sharing::Copy)
    }

    fn copied_out(&self, from: &File, to: &Utf8Path) -> Result<(), LayoutError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(to);
        let mut made = made.map_err(FileError::of("create", to))?;
        let copied = copy(from, &mut made, &self.stop)
            .map_err(FileError::of("read", to))
            .and_then(|copied| copied.map_err(FileError::of("write", to)));
        copied.map(drop).map_err(|error| {
            // Ours alone; what went wrong is what is told.
            let _ = std::fs::remove_file(to);
            error.into()
        })
    }

    /// Puts on record how a blob looks after names of its file came or went, which changes its ctime. One whose content may have changed
    /// is left as it is on record, and is hashed at the next look.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn names_changed(&self, digest: &Digest) -> Result<(), LayoutError> {
        let Some(before) = self.stamp_of(digest) else { return Ok(()) };
        let path = self.blob_path(digest);
        let (file, _) = match self.open_regular(&format!("blobs/sha256/{}", digest.hex())) {
            Err(error) if error.is_not_found() => return Ok(()),
            opened => opened?,
        };
        let now = Stamp::of(&file).map_err(FileError::of("inspect", &path))?;
        if now != before && now.same_content(&before) {
            self.record_stamp(digest, &now)?;
        }
        Ok(())
    }
}

/// A second name for a file; whether it can have one there.
fn link(file: &File, to: &Utf8Path) -> Result<bool, FileError> {
    use Errno as E;
    let open = beneath::own_path(file);
    match linkat(CWD, open.as_str(), CWD, to.as_std_path(), AtFlags::SYMLINK_FOLLOW) {
        Ok(()) => Ok(true),
        Err(E::XDEV | E::PERM | E::MLINK | E::OPNOTSUPP | E::ACCESS | E::NOENT) => Ok(false),
        Err(error) => Err(FileError::of("link", to)(error)),
    }
}
