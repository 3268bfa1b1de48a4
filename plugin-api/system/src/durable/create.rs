//! Makes files and directories.

use super::{open_flags, parent_of, sync_dir};
use crate::{
    FileError,
    steps::{Step, passed},
    trusted_path,
};
use camino::Utf8Path;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Mode, OFlags},
};
use std::{
    fs::{File, Permissions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
};

/// Creates a file that must not exist, with exactly the permission bits `mode`.
///
/// # Errors
/// `AlreadyExists` when anything has that name, a dangling link included; else whatever the system refuses.
pub fn create_new(path: &Utf8Path, mode: u32) -> Result<File, FileError> {
    let file = File::options()
        .write(true)
        .read(true)
        .create_new(true)
        .mode(mode & 0o700)
        .custom_flags(open_flags(OFlags::NOFOLLOW))
        .open(path)
        .map_err(FileError::of("create", path))?;
    passed(Step::FileMadeWithoutMode, &path);
    match file.set_permissions(Permissions::from_mode(mode)) {
        Ok(()) => {
            passed(Step::FileMade, &path);
            Ok(file)
        }
        Err(cause) => {
            // Made by us a moment ago; if even this fails there is nothing better to do than to say the first error.
            let _ = std::fs::remove_file(path);
            Err(FileError::of("set the mode of", path)(cause))
        }
    }
}

/// Creates one directory, which must not exist, with exactly the permission bits `mode`, durably.
///
/// # Errors
/// `AlreadyExists` when anything has that name; else whatever the system refuses. Then there is no new directory.
pub fn create_dir(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    make_dir(path, mode, || sync_dir(parent_of(path)))
}

/// The same for one of many: it is durable once the directory that it is in is flushed.
///
/// # Errors
/// As for [`create_dir`].
pub fn create_dir_unflushed(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    make_dir(path, mode, || Ok(()))
}

fn make_dir(
    path: &Utf8Path,
    mode: u32,
    flush: impl FnOnce() -> Result<(), FileError>,
) -> Result<(), FileError> {
    // With all of its mode from the beginning: who is killed before the next step leaves a directory that others can use, and nobody
    // would give it the mode later. A umask only takes away.
    std::fs::DirBuilder::new().mode(mode).create(path).map_err(FileError::of("create directory", path))?;
    passed(Step::DirectoryMadeWithoutMode, &path);
    set_mode_of_new(path, mode).and_then(|()| flush()).inspect_err(|_| {
        // Ours and empty; if even this fails there is nothing better to do than to say the first error.
        let _ = std::fs::remove_dir(path);
    })
}

fn set_mode_of_new(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    // The umask took bits from the creation. O_NOFOLLOW: what is changed is what was just made, not a link put in its place.
    let directory = File::options()
        .read(true)
        .custom_flags(open_flags(OFlags::DIRECTORY | OFlags::NOFOLLOW))
        .open(path)
        .map_err(FileError::of("open directory", path))?;
    directory.set_permissions(Permissions::from_mode(mode)).map_err(FileError::of("set the mode of", path))
}

/// Creates a directory that must not exist in one that is open; `path` is for messages. As [`create_dir`] otherwise.
///
/// # Errors
/// As for [`create_dir`].
pub fn create_dir_in(parent: &OwnedFd, name: &str, path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(mode))
        .map_err(FileError::of("create directory", path))?;
    passed(Step::DirectoryMadeWithoutMode, &path);
    finish_dir_in(parent, name, path, mode).inspect_err(|_| {
        // Ours and empty; if even this fails there is nothing better to do than to say the first error.
        let _ = rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR);
    })
}

fn finish_dir_in(parent: &OwnedFd, name: &str, path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = rustix::fs::openat(parent, name, flags, Mode::empty())
        .map_err(FileError::of("open directory", path))?;
    File::from(made)
        .set_permissions(Permissions::from_mode(mode))
        .map_err(FileError::of("set the mode of", path))?;
    // The descriptor may only name the directory.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::openat(parent, ".", flags, Mode::empty())
        .map_err(FileError::of("sync directory", path))?;
    File::from(open).sync_all().map_err(FileError::of("sync directory", path))
}

/// Creates a directory and its missing parents, all with exactly the permission bits `mode`; what exists stays as it is. Goes by
/// descriptors, and not through a link that another user could have put on the way.
///
/// # Errors
/// `NotADirectory` when something else has one of the names; such a link; else whatever the system refuses.
pub fn create_dir_all(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    let absolute = camino::absolute_utf8(path).map_err(FileError::of("locate", path))?;
    trusted_path::complete(&absolute, |parent, name, missing| create_dir_in(parent, name, missing, mode))
        .map_err(|error| error.into_file_error("create directory", path))
}
