//! Makes directories of ours where other users may have been before.
//!
//! Some of our places have names that anybody can guess and lie below `/var/tmp`, where anybody can make things. So the way is judged
//! before anything is made on it, and what another user put there first is moved aside by a rename: it is never followed, and never a
//! reason to stop.

mod moving_aside;

pub use moving_aside::MovedAside;

use crate::{
    FileError, durable,
    steps::{Step, passed},
    trusted_path::{self, Audit, From, TrustError, is_ours},
};
use camino::Utf8Path;
use moving_aside::{move_aside, planted};
use rustix::{fd::OwnedFd, fs::OFlags, io::Errno};
use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
};

/// How often the way is judged again after a change on it. Nobody can be faster than us that often: changes are exchanges.
const MOST_ROUNDS: usize = 100;

/// Makes a directory and what is missing above it, with exactly the permission bits `mode`, durably, after the whole way was judged.
/// Directories that are there stay as they are. Tells what was moved aside.
///
/// # Errors
/// A way on which somebody else could change what we rely on, but for what he merely put there first; and what the system refuses.
pub fn make(path: &Utf8Path, from: From<'_>, mode: u32) -> Result<Vec<MovedAside>, TrustError> {
    let mut moved = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let refused = match trusted_path::audit(path, from) {
            Ok(Audit::MissingFrom(missing)) => match make_one(&missing, mode) {
                Ok(()) => continue,
                // Somebody was faster: another process of ours, or another user. The next look tells which.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => error.into(),
            },
            Ok(Audit::Complete) if is_directory(path) => return Ok(moved),
            Ok(Audit::Complete) => FileError::of("use as a directory", path)(Errno::NOTDIR).into(),
            Err(error) => error,
        };
        let Some(place) = planted(&refused, path, from) else { return Err(refused) };
        moved.push(move_aside(&place, mode)?);
    }
    let source = io::Error::other("others put something in its place again and again");
    Err(FileError { act: "make", path: path.to_owned(), source }.into())
}

/// The same for a directory of files that only root writes, whose place is the distribution's: some let a group of their own write
/// to `/var/log`.
///
/// # Errors
/// As for [`make`].
pub fn make_usable(path: &Utf8Path, from: From<'_>, mode: u32) -> Result<Vec<MovedAside>, TrustError> {
    match make(path, from, mode) {
        Err(TrustError::Writable { path: open, .. }) if open != path => {
            durable::create_dir_all(path, mode)?;
            Ok(Vec::new())
        }
        made => made,
    }
}

/// Closes a directory of ours to everybody else. `true` when it was open.
///
/// # Errors
/// Whatever the system refuses.
pub fn close(path: &Utf8Path) -> Result<bool, FileError> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let directory = File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(FileError::of("open directory", path))?;
    let meta = directory.metadata().map_err(FileError::of("inspect", path))?;
    if meta.mode() & 0o077 == 0 || !is_ours(meta.uid()) {
        return Ok(false);
    }
    let closed = Permissions::from_mode(meta.mode() & 0o7700);
    directory.set_permissions(closed).map_err(FileError::of("set the mode of", path))?;
    directory.sync_all().map_err(FileError::of("sync directory", path))?;
    passed(Step::DirectoryClosed, &path);
    Ok(true)
}

fn is_directory(path: &Utf8Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_dir())
}

/// The directory that a name is in, by descriptor, and the name.
fn parent_and_name(path: &Utf8Path) -> Result<(OwnedFd, &str), TrustError> {
    let missing = || FileError::of("open the directory of", path)(Errno::NOENT);
    let (parent, name) = path.parent().zip(path.file_name()).ok_or_else(missing)?;
    Ok((trusted_path::open_directory(parent)?.ok_or_else(missing)?, name))
}

fn make_one(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    let (parent, name) =
        parent_and_name(path).map_err(|error| error.into_file_error("create directory", path))?;
    durable::create_dir_in(&parent, name, path, mode)
}

#[cfg(test)]
mod tests;
