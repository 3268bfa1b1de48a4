//! Opening inside a directory so that nothing leads out of it: by `openat2`, and where the kernel has none (before 5.6, that of Enterprise
//! Linux 8 is 4.18) by a walk of descriptors that looks at each step.

use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
};
use std::{
    ffi::{CStr, CString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// As many links are followed as the kernel follows.
const MOST_LINKS: usize = 40;

/// Whether links inside are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// Absolute ones too: the directory is their root.
    Inside,
    /// `LOOP` where there is one.
    Refused,
}

/// Opens an entry of a directory, or one further below it, but no link and nothing that is mounted there (`XDEV`).
pub(crate) fn child(directory: impl AsFd, name: &CStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match rustix::fs::openat2(&directory, name, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => child_by_looking(directory.as_fd(), name, flags),
        opened => opened,
    }
}

fn child_by_looking(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
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
        if mount_of(above)? == mount_of(opened.as_fd())? { Ok(opened) } else { Err(Errno::XDEV) }
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

/// Opens a path with a directory as its root, as a program chrooted there would find it; nothing that is mounted inside is entered (`XDEV`).
pub(crate) fn inside(
    root: impl AsFd,
    path: &Path,
    flags: OFlags,
    links: Links,
) -> rustix::io::Result<OwnedFd> {
    let more = if links == Links::Refused { ResolveFlags::NO_SYMLINKS } else { ResolveFlags::empty() };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV | more;
    match rustix::fs::openat2(&root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => inside_by_walking(root.as_fd(), path, flags, links),
        opened => opened,
    }
}

fn inside_by_walking(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    links: Links,
) -> rustix::io::Result<OwnedFd> {
    let place = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mount = mount_of(root)?;
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
        if mount_of(entry.as_fd())? != mount {
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
fn parts_of(path: &[u8]) -> rustix::io::Result<Vec<CString>> {
    let parts = path.rsplit(|byte| *byte == b'/').map(|part| CString::new(part).map_err(|_| Errno::INVAL));
    parts.collect()
}

/// The kernel's number of the mount that a descriptor is in, which it tells since 3.15.
fn mount_of(fd: BorrowedFd<'_>) -> rustix::io::Result<u64> {
    if let Ok(stat) = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, rustix::fs::StatxFlags::MNT_ID)
        && stat.stx_mask & rustix::fs::StatxFlags::MNT_ID.bits() != 0
    {
        return Ok(stat.stx_mnt_id);
    }
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()));
    let told = told.map_err(|cause| Errno::from_io_error(&cause).unwrap_or(Errno::IO))?;
    let number = told.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    number.ok_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, OwnedFd) {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join("tree").join(name);
        std::fs::create_dir_all(place("usr/lib")).unwrap();
        for (file, text) in [("usr/lib/file", "inside"), ("top", "top")] {
            std::io::Write::write_all(&mut std::fs::File::create(place(file)).unwrap(), text.as_bytes())
                .unwrap();
        }
        for (aim, name) in [
            ("/usr/lib", "lib"),
            ("../../../../top", "usr/up"),
            ("a", "b"),
            ("b", "a"),
            ("/etc/passwd", "server"),
            ("nowhere", "dangling"),
        ] {
            symlink(aim, place(name)).unwrap();
        }
        let root = rustix::fs::open(place(""), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        (dir, root)
    }

    fn told(opened: rustix::io::Result<OwnedFd>) -> Result<String, Errno> {
        let mut text = String::new();
        let read = std::fs::File::from(opened?).read_to_string(&mut text);
        read.map(|_| text).map_err(|cause| Errno::from_io_error(&cause).unwrap())
    }

    #[test]
    fn a_walk_finds_what_the_kernel_finds() {
        let (_dir, root) = tree();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        for path in [
            "top",
            "/top",
            "lib/file",
            "usr/../lib/file",
            "usr/up",
            "../../top",
            "a",
            "server",
            "dangling",
            "top/x",
            "usr/lib",
            "lib",
            "",
            ".",
            "lib/",
            "nowhere",
            "usr/nowhere/x",
            "./usr/./lib//file",
        ] {
            for links in [Links::Inside, Links::Refused] {
                for more in [OFlags::empty(), OFlags::DIRECTORY, OFlags::NOFOLLOW] {
                    let path = if path.is_empty() { Path::new(".") } else { Path::new(path) };
                    let kernel = told(inside(&root, path, flags | more, links));
                    let walked =
                        told(inside_by_walking(root.as_fd(), path, flags | more | OFlags::CLOEXEC, links));
                    assert_eq!(walked, kernel, "{path:?}, {links:?}, {more:?}");
                }
            }
        }
        let system = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let away = inside_by_walking(system.as_fd(), Path::new("proc/version"), flags, Links::Inside);
        assert_eq!(away.unwrap_err(), Errno::XDEV);
    }

    #[test]
    fn a_look_at_a_child_refuses_what_the_kernel_refuses() {
        let (_dir, root) = tree();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let further =
            [c"usr/lib", c"usr/lib/file", c"lib/file", c"usr/nowhere", c"top/x", c"usr/up", c"usr/../../x"];
        for name in [c"top", c"usr", c"lib", c"nowhere", c"..", c"a"].into_iter().chain(further) {
            let (kernel, looked) = (child(&root, name, flags), child_by_looking(root.as_fd(), name, flags));
            assert_eq!(looked.map(drop), kernel.map(drop), "{name:?}");
        }
        let system = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let away = child_by_looking(system.as_fd(), c"proc", flags | OFlags::DIRECTORY);
        assert_eq!(away.unwrap_err(), Errno::XDEV);
    }
}
