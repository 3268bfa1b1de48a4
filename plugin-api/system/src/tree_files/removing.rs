//! Removes what is in a tree.

use super::{Result, TreeFiles};
use crate::{
    beneath::removal::{self, Keep},
    file_flags::clear_unchangeable,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType, Mode, OFlags, Stat},
    io::Errno,
};

impl TreeFiles {
    /// Removes a file or a link; nothing there is fine.
    ///
    /// # Errors
    /// When it is a directory or cannot be removed.
    pub fn remove(&self, file: &str) -> Result<()> {
        self.unlink(file, AtFlags::empty())
    }

    fn unlink(&self, file: &str, kind: AtFlags) -> Result<()> {
        let fault = self.fault("remove", file);
        let (parent, name) = match self.parent(file) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(cause) => return Err(fault(cause)),
        };
        match unlocking(&parent, &name, || rustix::fs::unlinkat(&parent, &name, kind)) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(cause) => Err(fault(cause)),
        }
    }

    /// Removes everything in a directory and keeps the directory; none there is fine.
    ///
    /// # Errors
    /// When something is mounted inside, or cannot be removed.
    pub fn empty_directory(&self, directory: &str) -> Result<()> {
        self.empty(directory, Keep::Nothing)
    }

    fn empty(&self, directory: &str, keep: Keep) -> Result<()> {
        let fault = self.fault("empty", directory);
        match self.open_at(directory, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => removal::empty(fd.as_fd(), keep).map_err(&fault),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(cause) => Err(fault(cause)),
        }
    }

    /// Removes a directory with everything in it; none there is fine.
    ///
    /// # Errors
    /// As [`Self::empty_directory`].
    pub fn remove_directory(&self, directory: &str) -> Result<()> {
        self.empty_directory(directory)?;
        self.unlink(directory, AtFlags::REMOVEDIR)
    }

    /// Removes all files below a directory and keeps the directories with their owners and modes, as log directories need.
    ///
    /// # Errors
    /// As [`Self::empty_directory`].
    pub fn empty_of_files(&self, directory: &str) -> Result<()> {
        self.empty(directory, Keep::Directories)
    }
}

/// Does something to a file. One that somebody made unchangeable (`chattr +i`, as is done to a `resolv.conf`) is freed before.
pub(super) fn unlocking(
    parent: &OwnedFd,
    name: &str,
    act: impl Fn() -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let outcome = act();
    if outcome != Err(Errno::PERM) {
        return outcome;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let is_file = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    // Opening a device could wake it up.
    let freed = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(is_file)
        && rustix::fs::openat(parent, name, flags, Mode::empty()).and_then(clear_unchangeable) == Ok(true);
    if freed { act() } else { outcome }
}
