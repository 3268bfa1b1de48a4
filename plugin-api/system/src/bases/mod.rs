//! Bases: OS trees fresh from packages, kept in the work area so that the next image of the same packages begins from one.
//!
//! Whoever makes trees keeps and uses them; the host makes the directory, without which none are kept, and bounds their number. A base
//! has its key as its name. What is being made, and what is going, has a name that begins with a dot, and whoever uses or makes one holds a lock on its
//! directory: what nobody holds is whole, or left by a process that is gone.

mod facts;
mod key;
mod removing;

pub use facts::BaseFacts;
pub use key::{BaseKey, KeyError};

use crate::{FileError, durable};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, flock, open, utimensat},
    io::Errno,
};
use std::{os::fd::OwnedFd, time::SystemTime};

/// The directory below the work area.
const DIRECTORY: &str = ".bases";
/// The file in a base that tells of it; its time is that of the last use.
const FACTS: &str = "facts";
/// The tree in a base.
const TREE: &str = "tree";
/// How the name of what is not finished begins.
const UNFINISHED: &str = ".new-";

/// The bases of a server.
#[derive(Debug, Clone)]
pub struct Bases {
    directory: Utf8PathBuf,
}

/// A base that is there as long as this is.
#[derive(Debug)]
pub struct HeldBase {
    tree: Utf8PathBuf,
    facts: BaseFacts,
    _lock: OwnedFd,
}

/// A base that is being made. One that is dropped before it is published stays for [`Bases::sweep`].
#[derive(Debug)]
pub struct NewBase {
    directory: Utf8PathBuf,
    _lock: OwnedFd,
}

/// A base as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBase {
    /// Its key.
    pub key: BaseKey,
    /// What it has on record.
    pub facts: BaseFacts,
    /// When an image was last made from it.
    pub used: SystemTime,
}

impl Bases {
    /// Those in this work area.
    pub fn of_work_area(work: &Utf8Path) -> Self {
        Self { directory: work.join(DIRECTORY) }
    }

    /// Where they lie.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Whether bases are kept here.
    pub fn are_kept(&self) -> bool {
        self.directory.symlink_metadata().is_ok_and(|found| found.is_dir())
    }

    /// The base of this key, kept from being removed; none where there is none, or it is just going.
    ///
    /// # Errors
    /// When what is on record of it cannot be read.
    pub fn hold(&self, key: &BaseKey) -> Result<Option<HeldBase>, FileError> {
        let directory = self.directory.join(key.as_str());
        let Some(lock) = locked(&directory, FlockOperation::NonBlockingLockShared)? else { return Ok(None) };
        match BaseFacts::load(&directory.join(FACTS)) {
            // It went between the two.
            Err(error) if error.is_not_found() => Ok(None),
            facts => Ok(Some(HeldBase { tree: directory.join(TREE), facts: facts?, _lock: lock })),
        }
    }

    /// A directory for a new base, which others leave alone while this process lives.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&self, key: &BaseKey) -> Result<NewBase, FileError> {
        let directory = self.directory.join(format!("{UNFINISHED}{key}-{}", std::process::id()));
        durable::create_dir(&directory, 0o700)?;
        let lock = locked(&directory, FlockOperation::NonBlockingLockExclusive)?;
        let gone = || FileError { act: "lock", path: directory.clone(), source: Errno::AGAIN.into() };
        let lock = lock.ok_or_else(gone)?;
        Ok(NewBase { directory, _lock: lock })
    }

    /// Gives a finished base its name. Its tree is on disk already. Where another was quicker, this one stays for [`Self::sweep`].
    ///
    /// # Errors
    /// When the facts cannot be written, or the base cannot be renamed.
    pub fn publish(&self, new: NewBase, key: &BaseKey, facts: &BaseFacts) -> Result<(), FileError> {
        durable::replace(&new.directory.join(FACTS), facts.to_text().as_bytes(), 0o600)?;
        durable::rename_noreplace(&new.directory, &self.directory.join(key.as_str()))
    }

    /// All of them, the one that was used last in front.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn all(&self) -> Result<Vec<ListedBase>, FileError> {
        let mut listed: Vec<_> = self.names()?.iter().filter_map(|name| self.listed(name)).collect();
        listed.sort_by_key(|base| std::cmp::Reverse(base.used));
        Ok(listed)
    }

    fn listed(&self, name: &str) -> Option<ListedBase> {
        let key = name.parse().ok()?;
        let file = self.directory.join(name).join(FACTS);
        let used = file.symlink_metadata().and_then(|found| found.modified()).ok()?;
        Some(ListedBase { key, facts: BaseFacts::load(&file).ok()?, used })
    }

    fn names(&self) -> Result<Vec<String>, FileError> {
        let entries = match self.directory.read_dir_utf8() {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(FileError::of("read", &self.directory))?,
        };
        Ok(entries.flatten().map(|entry| entry.file_name().to_owned()).collect())
    }
}

impl HeldBase {
    /// The tree. Nobody writes to it.
    pub fn tree(&self) -> &Utf8Path {
        &self.tree
    }

    /// What is on record of it.
    pub fn facts(&self) -> &BaseFacts {
        &self.facts
    }

    /// Puts on record that an image was made from it now.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn mark_used(&self) -> Result<(), FileError> {
        let file = self.tree.with_file_name(FACTS);
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        utimensat(rustix::fs::CWD, file.as_std_path(), &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(FileError::of("change the times of", &file))
    }
}

impl NewBase {
    /// Where its tree belongs; nothing is there yet.
    pub fn tree(&self) -> Utf8PathBuf {
        self.directory.join(TREE)
    }
}

/// A lock on a directory, until it is dropped or the process ends. None where the directory is not there, or others are at it.
fn locked(directory: &Utf8Path, how: FlockOperation) -> Result<Option<OwnedFd>, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let descriptor = match open(directory.as_std_path(), flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        opened => opened.map_err(FileError::of("open", directory))?,
    };
    match flock(&descriptor, how) {
        Err(Errno::WOULDBLOCK) => Ok(None),
        locked => locked.map_err(FileError::of("lock", directory)).map(|()| Some(descriptor)),
    }
}

#[cfg(test)]
mod tests;
