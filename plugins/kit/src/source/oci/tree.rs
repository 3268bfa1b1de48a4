//! The tree that layers are applied to. The kernel resolves every path with the tree as its root, so that no link leads out of it.

pub(super) use disklessset_system::beneath::removal::{Keep, empty, remove};
use disklessset_system::beneath::{self, Links, Mounts};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps},
    io::{Errno, Result},
};
use std::{
    ffi::{CStr, CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A directory that layers are applied to.
pub(super) struct Tree {
    root: OwnedFd,
}

impl Tree {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self { root: rustix::fs::open(path, flags, Mode::empty())? })
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Bytes that are free on its file system.
    pub(super) fn free_bytes(&self) -> Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.root)?;
        Ok(stat.f_bfree.saturating_mul(stat.f_frsize))
    }

    fn resolve(&self, parts: &[&[u8]], links: Links) -> Result<OwnedFd> {
        let path = if parts.is_empty() { b".".to_vec() } else { parts.join(&b'/') };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        beneath::inside(&self.root, Path::new(OsStr::from_bytes(&path)), flags, links, Mounts::Refused)
    }

    /// An existing directory, links inside the tree followed.
    pub(super) fn directory(&self, parts: &[&[u8]]) -> Result<OwnedFd> {
        self.resolve(parts, Links::Inside)
    }

    /// An existing directory that no link is on the way to; `LOOP` when there is one.
    pub(super) fn directory_without_links(&self, parts: &[&[u8]]) -> Result<OwnedFd> {
        self.resolve(parts, Links::Refused)
    }

    /// The number of parts up to and including the first that is a link.
    pub(super) fn first_link(&self, parts: &[&[u8]]) -> Option<usize> {
        (0..parts.len())
            .find(|before| {
                let name = cstring(parts[*before]);
                let above = self.directory_without_links(&parts[..*before]);
                let stat =
                    above.and_then(|above| rustix::fs::statat(&above, &*name?, AtFlags::SYMLINK_NOFOLLOW));
                stat.is_ok_and(|stat| kind(&stat) == FileType::Symlink)
            })
            .map(|before| before + 1)
    }

    /// The directory that something is put into; what is missing of it is made, root's and open to all.
    pub(super) fn make_directory(&self, parts: &[&[u8]]) -> Result<OwnedFd> {
        match (self.directory(parts), parts.split_last()) {
            (Err(Errno::NOENT), Some((name, above))) => {
                let above = self.make_directory(above)?;
                let name = cstring(name)?;
                let _kept = Times::of(above.as_fd())?;
                rustix::fs::mkdirat(&above, &*name, Mode::from_raw_mode(0o755))?;
                rustix::fs::chmodat(&above, &*name, Mode::from_raw_mode(0o755), AtFlags::empty())?;
                self.directory(parts)
            }
            (outcome, _) => outcome,
        }
    }
}

/// The name as system calls take it.
pub(super) fn cstring(name: &[u8]) -> Result<CString> {
    CString::new(name).map_err(|_| Errno::INVAL)
}

pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// A path of the kernel's own to a name in an open directory, for calls that take no directory.
pub(super) fn own_path(directory: BorrowedFd<'_>, name: &CStr) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let below = std::ffi::OsStr::from_bytes(name.to_bytes());
    Path::new(&beneath::own_path(directory)).join(below)
}

/// Times that a directory gets back when something in it was made or removed: a layer sets those of the directories it names, and
/// no others.
pub(super) struct Times<'d> {
    directory: BorrowedFd<'d>,
    times: Timestamps,
}

impl<'d> Times<'d> {
    pub(super) fn of(directory: BorrowedFd<'d>) -> Result<Self> {
        let stat = rustix::fs::fstat(directory)?;
        let time = |seconds, nanoseconds: u64| Timespec { tv_sec: seconds, tv_nsec: nanoseconds as i64 };
        let times = Timestamps {
            last_access: time(stat.st_atime, stat.st_atime_nsec),
            last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
        };
        Ok(Self { directory, times })
    }
}

impl Drop for Times<'_> {
    fn drop(&mut self) {
        let _ = rustix::fs::futimens(self.directory, &self.times);
    }
}
