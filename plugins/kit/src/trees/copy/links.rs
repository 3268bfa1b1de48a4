//! Files with several names. Each gets one more name in a directory inside the copy, by which the later ones find it, so that
//! nothing has to be remembered however many there are. That directory is gone at the end.

use super::{
    attributes::{self, KEPT_FLAGS},
    entry::{CopiedName, unlink},
    lost::Lost,
    queue::Queue,
    walk::open_below,
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, IFlags, Mode, OFlags, Statx},
    io::Errno,
};
use std::{
    collections::BTreeSet,
    ffi::{CStr, CString},
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// How often a thread that waits for another's file looks whether all is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// The directory and the files that some thread is just copying.
pub(super) struct Links {
    name: CString,
    directory: OwnedFd,
    under_way: Mutex<BTreeSet<CString>>,
    made: Condvar,
}

/// What to do with one name of a file.
pub(super) enum LinkStep<'l> {
    /// Nothing: it is a name of the copy that is there.
    Linked,
    /// To make the copy: no other name was met before.
    First(First<'l>),
    /// To make another copy, because the one that is there can have no more names.
    Full(First<'l>),
    /// Nothing: all is to stop.
    Stopped,
}

/// The first name; the others wait.
pub(super) struct First<'l> {
    links: &'l Links,
    key: CString,
}

impl Links {
    /// Makes the directory. Its name is one nobody can have guessed and put into the source.
    pub(super) fn new(target: &OwnedFd) -> rustix::io::Result<Self> {
        let mut random = [0u8; 16];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let name = format!(".disklessset-links-{:032x}", u128::from_ne_bytes(random));
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        rustix::fs::mkdirat(target, &name, Mode::from_raw_mode(0o777))?;
        let directory = open_below(target.as_fd(), &name)?;
        Ok(Self { name, directory, under_way: Mutex::default(), made: Condvar::new() })
    }

    /// The directory, just made, as any entry that we make.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Makes `place` a name of the copy that is there, or says that there is none.
    pub(super) fn turn(
        &self,
        stat: &Statx,
        place: &CopiedName<'_>,
        queue: &Queue,
    ) -> rustix::io::Result<LinkStep<'_>> {
        let key = key(stat)?;
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        while under_way.contains(&key) {
            if queue.is_stopped() {
                return Ok(LinkStep::Stopped);
            }
            let waited = self.made.wait_timeout(under_way, LOOK);
            under_way = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let first = |under_way: &mut BTreeSet<CString>| {
            under_way.insert(key.clone());
            First { links: self, key: key.clone() }
        };
        match rustix::fs::linkat(&self.directory, &key, place.target, place.name, AtFlags::empty()) {
            Ok(()) => Ok(LinkStep::Linked),
            Err(Errno::NOENT) => Ok(LinkStep::First(first(&mut under_way))),
            Err(Errno::MLINK) => {
                unlink(self.directory.as_fd(), &key)?;
                Ok(LinkStep::Full(first(&mut under_way)))
            }
            Err(cause) => Err(cause),
        }
    }

    /// Takes the directory away, and gives files the flags that would have kept them from having more names.
    pub(super) fn remove(&self, target: &OwnedFd, lost: &Lost) -> rustix::io::Result<()> {
        let mut entries = Dir::new(open_below(self.directory.as_fd(), c".")?)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            match flags_in(name) {
                flags if flags.is_empty() || entry.file_type() != FileType::RegularFile => {
                    unlink(self.directory.as_fd(), name)?;
                }
                flags => {
                    let file = super::entry::open(self.directory.as_fd(), name, OFlags::RDONLY)?;
                    unlink(self.directory.as_fd(), name)?;
                    let told = || format!("a file with several names (inode {})", name.to_string_lossy());
                    attributes::add_flags(lost, file.as_fd(), flags, &told)?;
                }
            }
        }
        rustix::fs::unlinkat(target, &self.name, AtFlags::REMOVEDIR)
    }
}

impl First<'_> {
    /// The copy is there: from now on it is found.
    pub(super) fn made(self, place: &CopiedName<'_>) -> rustix::io::Result<()> {
        rustix::fs::linkat(place.target, place.name, &self.links.directory, &self.key, AtFlags::empty())
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.links.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.links.made.notify_all();
    }
}

/// What tells a file from all others of the source, and the flags it gets when all its names are there.
fn key(stat: &Statx) -> rustix::io::Result<CString> {
    let flags = attributes::flags(stat).bits();
    let (major, minor, inode) = (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
    CString::new(format!("{major}:{minor}:{inode}:{flags}")).map_err(|_| Errno::INVAL)
}

fn flags_in(key: &CStr) -> IFlags {
    let bits = key.to_str().ok().and_then(|text| text.rsplit(':').next()?.parse().ok());
    IFlags::from_bits_retain(bits.unwrap_or(0)) & KEPT_FLAGS
}
