//! Undoes mounts. Nothing that can be written to is ever unmounted lazily: a lazily unmounted tree is still in use, and what is done to it
//! next is done behind its user's back.

use super::{MountError, processes_in};
use crate::{
    FileError,
    mount_table::{mounts_below, real},
    steps::{Step, passed},
};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::{
    fs::StatVfsMountFlags,
    io::Errno,
    mount::{MountFlags, UnmountFlags},
};

/// Unmounts the mount at `target`.
///
/// # Errors
/// [`MountError::Busy`] with those who use it; it stays mounted then.
pub fn unmount(target: &Utf8Path) -> Result<(), MountError> {
    match rustix::mount::unmount(target.as_str(), UnmountFlags::NOFOLLOW) {
        Ok(()) => {
            passed(Step::Unmounted, &target);
            Ok(())
        }
        Err(Errno::BUSY) => {
            let below = mounts_below(target)?.into_iter().map(|mount| mount.target);
            let place = real(target);
            let mounts = below.filter(|mount| *mount != place).collect();
            Err(MountError::Busy { target: target.to_owned(), processes: processes_in(target), mounts })
        }
        Err(error) => Err(FileError::of("unmount", target)(error).into()),
    }
}

/// Unmounts a file system with everything of it written to what it lies on, whoever has a copy of the mount.
///
/// A process with mounts of its own that began meanwhile (any tool of another action) has such a copy. The file system then goes on after
/// the unmounting, and what was written last is in memory alone: who reads the file that it lies in would miss it. Made read-only first, it
/// is whole on its disk for all.
///
/// # Errors
/// [`MountError::Busy`] with those who use it; it stays mounted as it was then.
pub fn unmount_written(target: &Utf8Path) -> Result<(), MountError> {
    let remount = |flags| rustix::mount::mount_remount(target.as_str(), flags, c"");
    let found = rustix::fs::statvfs(target.as_str()).map_err(FileError::of("look at", target))?;
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return unmount(target);
    }
    match remount(MountFlags::RDONLY) {
        Ok(()) => unmount(target).inspect_err(|_| {
            // Who is busy in it may go on.
            let _ = remount(MountFlags::empty());
        }),
        Err(Errno::BUSY) => Err(MountError::Busy {
            target: target.to_owned(),
            processes: processes_in(target),
            mounts: Vec::new(),
        }),
        Err(error) => Err(FileError::of("write everything of", target)(error).into()),
    }
}

/// Unmounts a read-only file system, and when only the kernel itself still holds it, takes it out of sight.
///
/// A process with mounts of its own (any service with a private `/tmp`) may have a copy of a loop mount whose file lies in this one;
/// then this one is busy although nobody works in it. Nothing can be lost by letting it go: it is read-only.
///
/// # Errors
/// As [`unmount`], when a process works in it or something is mounted inside.
pub fn unmount_read_only(target: &Utf8Path) -> Result<(), MountError> {
    match unmount(target) {
        Err(MountError::Busy { processes, mounts, .. }) if processes.is_empty() && mounts.is_empty() => {
            rustix::mount::unmount(target.as_str(), UnmountFlags::NOFOLLOW | UnmountFlags::DETACH)
                .inspect(|()| passed(Step::Unmounted, &target))
                .map_err(|error| FileError::of("unmount", target)(error).into())
        }
        other => other,
    }
}

/// Unmounts everything at and below `path`, deepest first, and stops at the first that cannot be. Returns what was
/// unmounted, in that order.
///
/// # Errors
/// As [`unmount`]; what is above the one that failed stays mounted.
pub fn unmount_all_below(path: &Utf8Path) -> Result<Vec<Utf8PathBuf>, MountError> {
    let mut mounts = mounts_below(path)?;
    // Of those at one place the one on top is the last of the kernel's table; the sort keeps that order.
    mounts.reverse();
    mounts.sort_by_key(|mount| std::cmp::Reverse(mount.target.components().count()));
    let mut done = Vec::new();
    for mount in mounts {
        unmount(&mount.target)?;
        done.push(mount.target);
    }
    Ok(done)
}
