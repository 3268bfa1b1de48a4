//! The file that a blob is made of.

use super::{
    Layout, LayoutError,
    hashing::{Stop, hash},
    stamp::Stamp,
};
use crate::names::Digest;
use camino::Utf8Path;
use disklessset_system::FileError;
use rustix::fs::OFlags;
use std::{
    fs::File,
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
};

/// A digest that somebody has computed already, and how the file looked before and after. A look at the file tells whether it still is
/// right.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// What was computed.
    pub digest: Digest,
    /// How the file looked then.
    pub stamp: Stamp,
}

impl Known {
    /// Hashes a file, for [`super::Layout::put_file`] and whoever else wants its digest.
    ///
    /// # Errors
    /// Anything but a regular file; a file that is written to meanwhile; what the system refuses.
    pub fn of(path: &Utf8Path) -> Result<Self, LayoutError> {
        Self::with(path, &Stop::default())
    }

    fn with(path: &Utf8Path, stop: &Stop) -> Result<Self, LayoutError> {
        let source = Source::open(path)?;
        let digest = source.hash(stop)?;
        source.must_be_same()?;
        Ok(Self { digest, stamp: source.stamp })
    }
}

impl Layout {
    /// Hashes a file that is to become a blob, and stops when the layout does.
    ///
    /// # Errors
    /// As [`Known::of`], and [`LayoutError::Stopped`].
    pub fn known(&self, path: &Utf8Path) -> Result<Known, LayoutError> {
        Known::with(path, &self.stop)
    }
}

/// A regular file that is open, and how it looked when it was opened.
pub(super) struct Source<'p> {
    pub(super) path: &'p Utf8Path,
    pub(super) file: File,
    pub(super) stamp: Stamp,
    /// The number of its file system.
    pub(super) device: u64,
    /// Its permission bits.
    pub(super) mode: u32,
}

impl<'p> Source<'p> {
    /// Opens it, through no link.
    pub(super) fn open(path: &'p Utf8Path) -> Result<Self, FileError> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
        let file = file.map_err(FileError::of("open", path))?;
        let found = file.metadata().map_err(FileError::of("inspect", path))?;
        if !found.is_file() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
            return Err(FileError { act: "read", path: path.to_owned(), source });
        }
        let stamp = Stamp::of(&file).map_err(FileError::of("inspect", path))?;
        Ok(Self { path, file, stamp, device: found.dev(), mode: found.mode() })
    }

    /// Its digest. A write to it afterwards leaves another stamp.
    pub(super) fn hash(&self, stop: &Stop) -> Result<Digest, LayoutError> {
        self.stamp.wait_for_next_tick();
        Ok(hash(&self.file, stop).map_err(FileError::of("read", self.path))?.0)
    }

    /// Fails when its content may be another one than when it was opened.
    pub(super) fn must_be_same(&self) -> Result<(), LayoutError> {
        let now = Stamp::of(&self.file).map_err(FileError::of("inspect", self.path))?;
        if now.same_content(&self.stamp) {
            return Ok(());
        }
        Err(LayoutError::Changing { path: self.path.to_owned() })
    }
}
