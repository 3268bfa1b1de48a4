//! Opens files for more lines.

use super::{open_flags, read::require_regular};
use crate::{
    FileError,
    steps::{Step, passed},
};
use camino::Utf8Path;
use rustix::{
    fs::{FallocateFlags, OFlags},
    io::Errno,
};
use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
};

/// Opens a file for appending, made when missing, with exactly the permission bits `mode`; never through a link.
///
/// # Errors
/// Whatever the system refuses.
pub fn open_append(path: &Utf8Path, mode: u32) -> Result<File, FileError> {
    let file = File::options()
        .append(true)
        .create(true)
        .mode(mode & 0o700)
        .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)
        .map_err(FileError::of("open", path))?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(FileError::of("set the mode of", path))?;
    passed(Step::FileOpenForAppending, &path);
    Ok(file)
}

/// Opens a log for appending, 0640, made when missing; never through a link, never anything but a regular file.
///
/// # Errors
/// Whatever the system refuses.
pub fn open_log(path: &Utf8Path) -> Result<File, FileError> {
    let file = File::options()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)
        .map_err(FileError::of("open the log", path))?;
    require_regular(&file, path)?;
    Ok(file)
}

/// Keeps room for so many bytes after the end of a file, where the file system can.
///
/// # Errors
/// When there is no room.
pub fn reserve_space(file: &File, bytes: u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, length, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(cause) => Err(cause.into()),
    }
}
