//! The walk through a tree that is removed.

use super::{RemoveError, Removed, unlink::open_within_mount, way::refuse_mounts};
use crate::{
    steps::{Step, passed},
    subvolume::{self, is_open_subvolume},
};
use camino::Utf8Path;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat},
    io::Errno,
};
use std::{
    ffi::{CStr, CString},
    rc::Rc,
};

/// Descriptors kept open on the way down; deeper trees are climbed again by `..`, with a check.
const KEPT_OPEN: usize = 64;
/// How often a directory that others fill meanwhile is emptied again.
const MOST_ROUNDS: u8 = 5;

/// A directory being emptied.
pub(super) struct Level {
    pub(super) name: CString,
    /// Its device and inode, to know it again.
    pub(super) identity: (u64, u64),
    /// Closed on levels far above the current one.
    pub(super) directory: Option<Rc<OwnedFd>>,
    pub(super) subdirectories: Vec<CString>,
    pub(super) rounds: u8,
}

pub(super) struct Removal<'a> {
    pub(super) path: &'a Utf8Path,
    pub(super) removed: Removed,
    /// From the topmost directory down to the one being emptied. A list, not a recursion: trees may be deep.
    pub(super) stack: Vec<Level>,
}

impl Removal<'_> {
    pub(super) fn tree(&mut self, parent: &OwnedFd, name: CString) -> Result<(), RemoveError> {
        self.descend(parent, name, 0)?;
        while let Some(level) = self.stack.last_mut() {
            match (level.subdirectories.pop(), level.directory.clone()) {
                (Some(name), Some(directory)) => self.descend(&directory, name, 0)?,
                _ => self.ascend(parent)?,
            }
        }
        Ok(())
    }

    /// Opens a subdirectory, removes its files and lists its directories.
    fn descend(&mut self, parent: &OwnedFd, name: CString, rounds: u8) -> Result<(), RemoveError> {
        let directory = match open_within_mount(parent, &name) {
            Ok(directory) => Rc::new(directory),
            Err(Errno::XDEV) => return Err(self.mount_appeared(&name)),
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(self.refused_at(&name, error)),
        };
        if is_open_subvolume(&directory) {
            // Destroying it would take mounts away that came after the first look, unasked.
            if refuse_mounts(self.path, parent, &name.to_string_lossy()).is_err() {
                return Err(self.mount_appeared(&name));
            }
            if self.destroy(parent, &name, &directory) {
                return Ok(());
            }
        }
        let identity = identity(&directory).map_err(|error| self.refused_at(&name, error))?;
        // Pushed first, so that errors name the path below it.
        let open = Some(Rc::clone(&directory));
        self.stack.push(Level { name, identity, directory: open, subdirectories: Vec::new(), rounds });
        let far_above = self.stack.len().checked_sub(KEPT_OPEN);
        if let Some(level) = far_above.and_then(|far_above| self.stack.get_mut(far_above)) {
            level.directory = None;
        }
        let subdirectories = self.empty(&directory)?;
        if let Some(level) = self.stack.last_mut() {
            level.subdirectories = subdirectories;
        }
        Ok(())
    }

    /// Removes a subvolume in one call. Where that cannot be, because others are inside or the user may not, it is emptied like any
    /// directory, and is an ordinary one when it is empty.
    fn destroy(&mut self, parent: &OwnedFd, name: &CStr, directory: &OwnedFd) -> bool {
        match subvolume::destroy(parent, name, directory) {
            Ok(()) => {
                self.removed.directories += 1;
                true
            }
            Err(_) => {
                // What forbids it then shows with the first file.
                let _ = subvolume::make_writable(directory);
                false
            }
        }
    }

    fn empty(&mut self, directory: &OwnedFd) -> Result<Vec<CString>, RemoveError> {
        let mut subdirectories = Vec::new();
        for entry in Dir::read_from(directory).map_err(|error| self.refused(error))? {
            let entry = entry.map_err(|error| self.refused(error))?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let is_directory = match entry.file_type() {
                FileType::Unknown => match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => is_directory(&stat),
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(self.refused_at(name, error)),
                },
                kind => kind == FileType::Directory,
            };
            if is_directory {
                subdirectories.push(name.to_owned());
            } else {
                self.file(directory, name)?;
            }
        }
        Ok(subdirectories)
    }

    pub(super) fn file(&mut self, directory: &OwnedFd, name: &CStr) -> Result<(), RemoveError> {
        let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok();
        self.unlink(directory, name, AtFlags::empty())?;
        self.removed.files += 1;
        if self.removed.files == 1 {
            passed(Step::RemovalFirstFileGone, &self.path);
        }
        if let Some(stat) = stat.filter(|stat| stat.st_nlink <= 1) {
            self.removed.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
        }
        Ok(())
    }

    /// The current directory is empty: goes up and removes it.
    pub(super) fn ascend(&mut self, above_all: &OwnedFd) -> Result<(), RemoveError> {
        let Some(done) = self.stack.pop() else { return Ok(()) };
        let above = self.reach_top(&done)?;
        let above = above.as_deref().unwrap_or(above_all);
        // A kernel before 4.18 does not remove a subvolume as it does a directory.
        let emptied = done.directory.as_ref().is_some_and(|directory| {
            is_open_subvolume(directory) && subvolume::destroy(above, &done.name, directory).is_ok()
        });
        if emptied {
            self.removed.directories += 1;
            return Ok(());
        }
        if self.stack.is_empty() {
            passed(Step::RemovalEmpty, &self.path);
        }
        match unlinkat(above, done.name.as_c_str(), AtFlags::REMOVEDIR) {
            // Somebody put something in meanwhile, or the file system's listing left something out.
            Err(Errno::NOTEMPTY | Errno::EXIST) if done.rounds + 1 < MOST_ROUNDS => {
                self.descend(above, done.name, done.rounds + 1)
            }
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(self.disturbed(&done.name)),
            Ok(()) | Err(Errno::NOENT) => {
                self.removed.directories += 1;
                Ok(())
            }
            Err(_) => {
                self.unlink(above, &done.name, AtFlags::REMOVEDIR)?;
                self.removed.directories += 1;
                Ok(())
            }
        }
    }

    /// The directory that is now on top, opened again from the one below it when it had been closed; `None` above the tree.
    fn reach_top(&mut self, below: &Level) -> Result<Option<Rc<OwnedFd>>, RemoveError> {
        let Some(above) = self.stack.last_mut() else { return Ok(None) };
        if above.directory.is_none() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let from = below.directory.as_deref().ok_or(Errno::BADF);
            let climbed = from.and_then(|from| openat(from, "..", flags, Mode::empty()));
            let climbed = climbed.and_then(|climbed| Ok((identity(&climbed)?, climbed)));
            match climbed {
                Ok((same, climbed)) if same == above.identity => above.directory = Some(Rc::new(climbed)),
                Ok(_) => return Err(self.disturbed(&below.name)),
                Err(error) => return Err(self.refused_at(&below.name, error)),
            }
        }
        Ok(above.directory.clone())
    }
}

pub(super) fn identity(directory: &OwnedFd) -> rustix::io::Result<(u64, u64)> {
    let stat = fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}

pub(super) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}
