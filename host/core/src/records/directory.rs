//! The directory of an image, opened once: a listing of thousands pays for each step of each path.

use super::{
    file_names,
    record::{ImageRecord, MOST_BYTES, RecordError},
};
use crate::system::{FileError, atomic_file};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use std::{
    ffi::CStr,
    os::fd::{AsFd, OwnedFd},
};

/// The directory of an image.
pub(super) struct ImageDirectory {
    descriptor: OwnedFd,
    path: Utf8PathBuf,
}

impl ImageDirectory {
    /// That of this name in the directory of images; nothing where there is no directory of that name that may be read. A link is
    /// not followed.
    pub(super) fn open(images: impl AsFd, name: &str, path: Utf8PathBuf) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = openat(images, name, flags, Mode::empty()).ok()?;
        Some(Self { descriptor, path })
    }

    /// Reads the record in it.
    pub(super) fn record(&self) -> Result<ImageRecord, RecordError> {
        let path = self.path.join(file_names::RECORD);
        let read = atomic_file::read_bounded_in(&self.descriptor, file_names::RECORD, &path, MOST_BYTES);
        ImageRecord::of_bytes(path, &read?)
    }

    /// The bytes of the files in it that are the image's own; a listing does not fail for one that it cannot see.
    pub(super) fn size(self) -> Option<u64> {
        let mut entries = Dir::new(self.descriptor).ok()?;
        let mut sum = None;
        while let Some(Ok(entry)) = entries.next() {
            if is_of_the_image(entry.file_name())
                && let Ok(entry) = statat(entries.fd().ok()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                && FileType::from_raw_mode(entry.st_mode) == FileType::RegularFile
            {
                sum = Some(sum.unwrap_or(0) + u64::try_from(entry.st_size).unwrap_or_default());
            }
        }
        sum
    }
}

/// Whether a file is one that an image's class made: not its record, its boot file or its digests, nor the directory itself.
fn is_of_the_image(name: &CStr) -> bool {
    let Ok(name) = name.to_str() else { return true };
    let small =
        [file_names::RECORD, file_names::BOOT_FILE].contains(&name) || file_names::DIGESTS.contains(&name);
    !small && ![".", ".."].contains(&name)
}

/// The directory of all images, opened for reading.
pub(super) fn images(path: &Utf8Path) -> Result<OwnedFd, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path.as_std_path(), flags, Mode::empty()).map_err(FileError::of("open", path))
}
