//! The same without `openat2`: each step by `openat`, and looked at.

use super::{Links, Mounts, mount_number::number_of};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{FileType, Mode, OFlags},
    io::{Errno, Result},
};
use std::{
    ffi::{CStr, CString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// As many links are followed as the kernel follows.
const MOST_LINKS: usize = 40;

/// [`super::child`], each part looked at by itself.
pub(super) fn child(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd> {
    if name.to_bytes().starts_with(b"/") {
        return Err(Errno::XDEV);
    }
    let mut parts = parts_of(name.to_bytes())?;
    let last = parts.remove(0);
    let step = |above: BorrowedFd<'_>, part: &CStr, flags: OFlags| {
        if part.to_bytes() == b".." {
            return Err(Errno::XDEV);
        }
        let opened =
            rustix::fs::openat(above, part, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        if number_of(above)? == number_of(opened.as_fd())? { Ok(opened) } else { Err(Errno::XDEV) }
    };
    let mut above: Option<OwnedFd> = None;
    while let Some(part) = parts.pop() {
        let from = above.as_ref().map_or(directory, AsFd::as_fd);
        let entered = step(from, &part, OFlags::PATH)?;
        if FileType::from_raw_mode(rustix::fs::fstat(&entered)?.st_mode) == FileType::Symlink {
            return Err(Errno::LOOP);
        }
        above = Some(entered);
    }
    step(above.as_ref().map_or(directory, AsFd::as_fd), &last, flags)
}

/// [`super::inside`], along the directories by their descriptors.
pub(super) fn inside(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    links: Links,
    mounts: Mounts,
) -> Result<OwnedFd> {
    if path.as_os_str().is_empty() {
        return Err(Errno::NOENT);
    }
    let place = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mount = match mounts {
        Mounts::Entered => None,
        Mounts::Refused => Some(number_of(root)?),
    };
    // The directories on the way, the root first: `..` leads back along them.
    let mut way = vec![rustix::fs::openat(root, c".", place | OFlags::DIRECTORY, Mode::empty())?];
    let mut ahead = parts_of(path.as_os_str().as_bytes())?;
    let mut followed = 0;
    while let Some(name) = ahead.pop() {
        match name.to_bytes() {
            b"" | b"." => continue,
            b".." => {
                way.truncate((way.len() - 1).max(1));
                continue;
            }
            _ => {}
        }
        let here = way.last().ok_or(Errno::IO)?;
        let entry = rustix::fs::openat(here, &*name, place, Mode::empty())?;
        if let Some(mount) = mount
            && number_of(entry.as_fd())? != mount
        {
            return Err(Errno::XDEV);
        }
        let found = rustix::fs::fstat(&entry)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Symlink => {
                followed += 1;
                let wanted_itself = ahead.is_empty() && flags.contains(OFlags::NOFOLLOW);
                if links == Links::Refused || wanted_itself || followed > MOST_LINKS {
                    return Err(Errno::LOOP);
                }
                let aim = rustix::fs::readlinkat(&entry, c"", Vec::new())?;
                if aim.to_bytes().starts_with(b"/") {
                    way.truncate(1);
                }
                ahead.extend(parts_of(aim.to_bytes())?);
            }
            FileType::Directory => way.push(entry),
            _ if !ahead.is_empty() || flags.contains(OFlags::DIRECTORY) => return Err(Errno::NOTDIR),
            _ => {
                let opened =
                    rustix::fs::openat(here, &*name, flags | place.difference(OFlags::PATH), Mode::empty())?;
                let same = rustix::fs::fstat(&opened)?;
                // Another was put in its place between the two.
                let same = (same.st_dev, same.st_ino) == (found.st_dev, found.st_ino);
                return if same { Ok(opened) } else { Err(Errno::AGAIN) };
            }
        }
    }
    let last = way.last().ok_or(Errno::IO)?;
    rustix::fs::openat(last, c".", flags | OFlags::CLOEXEC, Mode::empty())
}

/// The parts of a path, the first one last.
fn parts_of(path: &[u8]) -> Result<Vec<CString>> {
    let parts = path.rsplit(|byte| *byte == b'/').map(|part| CString::new(part).map_err(|_| Errno::INVAL));
    parts.collect()
}
