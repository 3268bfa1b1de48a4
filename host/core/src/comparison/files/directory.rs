//! An open directory of a tree, with its names and how far the walk is in it.

use super::{
    facts::{self, Look},
    names::Names,
};
use disklessset_system::beneath;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags},
    io::{Errno, Result},
};
use std::ffi::{CStr, CString};

/// A directory is read, and nothing in it is touched: not even when it was read last.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW);

/// One directory that is walked through.
pub(super) struct Directory {
    open: OwnedFd,
    /// The kernel's number of its mount, where it tells.
    mount: Option<u64>,
    names: Names,
    next: usize,
}

impl Directory {
    /// The top of a tree.
    pub(super) fn top(path: &std::path::Path, most: usize) -> Result<Self> {
        let open = |flags| rustix::fs::open(path, FLAGS | flags | OFlags::CLOEXEC, Mode::empty());
        Self::with(as_it_is(open)?, most)
    }

    /// One inside of this one.
    pub(super) fn child(&self, name: &CStr, most: usize) -> Result<Self> {
        Self::with(as_it_is(|flags| beneath::child(&self.open, name, FLAGS | flags))?, most)
    }

    fn with(open: OwnedFd, most: usize) -> Result<Self> {
        let mount = facts::mount_of(open.as_fd())?;
        let names = Names::of(rustix::io::fcntl_dupfd_cloexec(&open, 0)?, most)?;
        Ok(Self { open, mount, names, next: 0 })
    }

    /// The name that comes next.
    pub(super) fn peek(&self) -> Option<&CStr> {
        self.names.get(self.next)
    }

    /// Goes on behind that name.
    pub(super) fn step(&mut self) {
        self.next += 1;
    }

    /// The bytes of memory that its names take.
    pub(super) fn size(&self) -> usize {
        self.names.size()
    }

    /// Looks at an entry; `.` is the directory itself.
    pub(super) fn look(&self, name: &CStr) -> Result<Look> {
        facts::look(self.open.as_fd(), self.mount, name)
    }

    /// Opens a regular file to read it.
    pub(super) fn read(&self, name: &CStr) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        as_it_is(|more| beneath::child(&self.open, name, flags | more))
    }

    /// What a link says.
    pub(super) fn target(&self, name: &CStr) -> Result<CString> {
        rustix::fs::readlinkat(&self.open, name, Vec::new())
    }

    /// A path that means an entry and nothing else, for calls that take no descriptor. A link at its end must
    /// not be followed.
    pub(super) fn path_of(&self, name: &CStr) -> Result<CString> {
        let mut path = beneath::own_path(&self.open).into_bytes();
        path.push(b'/');
        path.extend_from_slice(name.to_bytes());
        CString::new(path).map_err(|_| Errno::INVAL)
    }
}

/// Opens without marking when it was read last; only root and the owner can ask for that.
fn as_it_is(open: impl Fn(OFlags) -> Result<OwnedFd>) -> Result<OwnedFd> {
    match open(OFlags::NOATIME) {
        Err(Errno::PERM) => open(OFlags::empty()),
        opened => opened,
    }
}
