//! Opening inside a directory so that nothing leads out of it: by `openat2`, and where the kernel has none (before 5.6, that of
//! Enterprise Linux 8 is 4.18) by a walk of descriptors that looks at each step.

mod mount_number;
pub mod removal;
mod walking;

use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{Mode, OFlags, ResolveFlags},
    io::{Errno, Result},
};
use std::{
    ffi::{CStr, OsString},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// A path resolved in a root is tried again when something else was renamed meanwhile, anywhere on the server.
const ATTEMPTS: usize = 64;

/// Whether links inside are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Absolute ones too: the directory is their root.
    Inside,
    /// `LOOP` where there is one.
    Refused,
}

/// Whether what is mounted inside is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounts {
    /// As any directory.
    Entered,
    /// `XDEV` where there is one.
    Refused,
}

/// Opens an entry of a directory, or one further below it, but no link on the way and nothing that is mounted there. A btrfs subvolume
/// is no mount, although its device differs. Links themselves are opened with `PATH` and `NOFOLLOW` alone.
///
/// # Errors
/// `XDEV` at a mount and where the path leads out of the directory, `LOOP` at a link, and what the system refuses.
pub fn child(directory: impl AsFd, name: &CStr, flags: OFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match rustix::fs::openat2(&directory, name, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => walking::child(directory.as_fd(), name, flags),
        opened => opened,
    }
}

/// Opens a path with a directory as its root, as a program chrooted there would find it.
///
/// # Errors
/// `XDEV` at a mount and `LOOP` at a link, where they are refused, and what the system refuses.
pub fn inside(root: impl AsFd, path: &Path, flags: OFlags, links: Links, mounts: Mounts) -> Result<OwnedFd> {
    let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    resolve.set(ResolveFlags::NO_SYMLINKS, links == Links::Refused);
    resolve.set(ResolveFlags::NO_XDEV, mounts == Mounts::Refused);
    let mut outcome = Err(Errno::AGAIN);
    for _ in 0..ATTEMPTS {
        outcome = match rustix::fs::openat2(&root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::NOSYS) => walking::inside(root.as_fd(), path, flags, links, mounts),
            opened => opened,
        };
        if outcome.as_ref().err() != Some(&Errno::AGAIN) {
            break;
        }
    }
    outcome
}

/// The path that means exactly this open file, whatever its name leads to now.
pub fn own_path(open: impl AsFd) -> String {
    format!("/proc/self/fd/{}", open.as_fd().as_raw_fd())
}

/// Where an open file lies on the server, as the kernel names it.
///
/// # Errors
/// When `/proc` is not there.
pub fn place_of(open: impl AsFd) -> Result<PathBuf> {
    let place = rustix::fs::readlink(own_path(open), Vec::new())?;
    Ok(OsString::from_vec(place.into_bytes()).into())
}

#[cfg(test)]
mod tests;
