//! Opens and unlinks single entries, whatever forbids it.

use super::{RemoveError, walk::Removal};
use crate::{
    beneath::{self, own_path},
    file_flags::clear_unchangeable,
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Mode, OFlags, openat, statat, unlinkat},
    io::Errno,
};
use std::{
    ffi::CStr,
    fs::{File, Permissions},
    os::unix::fs::PermissionsExt,
};

impl Removal<'_> {
    /// Unlinks; when forbidden, takes away what forbids it, once.
    pub(super) fn unlink(&self, directory: &OwnedFd, name: &CStr, kind: AtFlags) -> Result<(), RemoveError> {
        let first = unlinkat(directory, name, kind);
        let result = match first {
            Err(Errno::PERM | Errno::ACCESS) => {
                // The directory above the tree is not ours to change.
                let inside = (!self.stack.is_empty()).then_some(directory);
                unlock(inside, directory, name);
                unlinkat(directory, name, kind)
            }
            other => other,
        };
        match result {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::BUSY) => Err(self.mount_appeared(name)),
            Err(error) => Err(self.refused_at(name, error)),
        }
    }
}

/// Opens a subdirectory, but no link and no mount point.
pub(super) fn open_within_mount(parent: &OwnedFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    match beneath::child(parent, name, flags) {
        // A directory of ours without the right to look into it, and we are not root.
        Err(Errno::ACCESS) if allow_entering(parent, name) => beneath::child(parent, name, flags),
        opened => opened,
    }
}

fn allow_entering(parent: &OwnedFd, name: &CStr) -> bool {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(directory) = openat(parent, name, flags, Mode::empty()) else { return false };
    std::fs::set_permissions(own_path(&directory), Permissions::from_mode(0o700)).is_ok()
}

/// Takes the immutable and append-only flags off an entry and its directory, and lets the owner write to the directory.
/// Best effort: the second unlinking tells whether it helped.
fn unlock(changeable: Option<&OwnedFd>, directory: &OwnedFd, name: &CStr) {
    let reading = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    if let Some(Ok(directory)) = changeable.map(|directory| openat(directory, ".", reading, Mode::empty())) {
        let _ = clear_unchangeable(&directory);
        let _ = File::from(directory).set_permissions(Permissions::from_mode(0o700));
    }
    // Opening anything else than a regular file or a directory could wake a device up.
    let kind =
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if matches!(kind, Ok(FileType::RegularFile | FileType::Directory))
        && let Ok(entry) = openat(directory, name, reading, Mode::empty())
    {
        let _ = clear_unchangeable(&entry);
    }
}
