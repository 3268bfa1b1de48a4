//! Locks that go with their process, whatever kills it, and that tell who holds them.
//!
//! A lock is an open-file-description record lock on a file in the locks' directory. Unlike `flock` it can be asked
//! about without being taken, so a listing never makes another process' try fail. Whoever holds one is alive: that is
//! what "its process is running" rests on. The text in the file, the holder's description, is for messages only.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use serde::{Deserialize, Serialize};

use crate::system::interrupt::{self, Interrupted};
pub use crate::system::lock_probe::LockProbe;
use crate::system::{FileError, atomic_file, failpoint::failpoint};

/// How long a lock may be held by somebody who does not say what for: between taking it and saying so, or between the last
/// word and letting go. Nobody is refused for that.
const UNTOLD: Duration = Duration::from_secs(1);
/// How often one tries again meanwhile.
const TRY_AT_ONCE: Duration = Duration::from_millis(2);
/// How often a waiting process tries again.
const TRY_EVERY: Duration = Duration::from_millis(50);
/// Whoever may open a lock's file can hold a reader's lock on it, for which a writer waits: only root and those it runs as.
const MODE: u32 = 0o600;
/// Descriptions are short; more than this is not one of ours.
const LONGEST_DESCRIPTION: usize = 4096;

/// What to do when somebody else holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Give up at once.
    No,
    /// Try for so many seconds.
    Seconds(u64),
}

/// Who holds a lock, as it described itself. For messages: decisions rest on the lock alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process, in its own pid namespace.
    pub pid: u32,
    /// What it does, as a user would type it: `livenet unmount web01`.
    pub operation: String,
    /// When it took the lock, in seconds since 1970.
    pub since: i64,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What a file says goes to a terminal: without its control characters.
        let operation: String = self.operation.chars().filter(|c| !c.is_control()).collect();
        write!(f, "pid {}, `{operation}`", self.pid)?;
        if let Ok(since) = jiff::Timestamp::from_second(self.since) {
            let since = since.to_zoned(jiff::tz::TimeZone::system());
            let today = jiff::Zoned::now().date() == since.date();
            let format = if today { "%H:%M" } else { "%Y-%m-%d %H:%M" };
            write!(f, ", since {}", since.strftime(format))?;
        }
        Ok(())
    }
}

/// Why a lock was not got.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("{what} is busy: {}", match .holder {
        Some(holder) => holder.to_string(),
        None => "in use by a process that did not say what it does".to_owned(),
    })]
    Busy {
        /// The lock's name as the caller gave it, such as `image web01`.
        what: String,
        /// Who has it, when that can be told.
        holder: Option<Holder>,
    },
    /// A stop was asked for while waiting.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The lock file cannot be made, opened or locked.
    #[error(transparent)]
    File(#[from] FileError),
}

/// An exclusive lock; released when dropped, or when the process ends in whatever way.
#[derive(Debug)]
#[must_use = "a lock that is not kept is released at once"]
pub struct Lock {
    file: File,
    path: Utf8PathBuf,
    leave: Leave,
}

/// What a lock leaves when it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// Its file, for the next holder.
    File,
    /// Nothing: for locks that may never be taken again.
    Nothing,
}

/// What became of one try on an open file.
enum Attempt {
    Got(Lock),
    Held,
    /// The file is not the one that others find under its name.
    Stale,
}

impl Lock {
    /// Takes the lock file `name` in `dir`, which is made if it is missing. `what` names the locked thing in messages,
    /// `operation` says what the lock is taken for.
    ///
    /// # Errors
    /// [`LockError::Busy`] with the holder when it cannot be had within `wait`.
    pub fn acquire(
        dir: &Utf8Path,
        name: &str,
        what: &str,
        operation: &str,
        wait: Wait,
    ) -> Result<Self, LockError> {
        let path = lock_file(dir, name);
        let started = Instant::now();
        let patience = match wait {
            Wait::No => Duration::ZERO,
            Wait::Seconds(seconds) => Duration::from_secs(seconds),
        };
        loop {
            atomic_file::create_dir_all(dir, 0o755)?;
            if let Some(lock) = Self::try_once(&path)? {
                failpoint!("lock: taken", path);
                lock.describe(operation);
                failpoint!("lock: described", path);
                return Ok(lock);
            }
            interrupt::check()?;
            let holder = File::open(&path).ok().and_then(|file| read_holder(&file));
            let (patience, pause) = match holder {
                None => (patience.max(UNTOLD), TRY_AT_ONCE),
                Some(_) => (patience, TRY_EVERY),
            };
            if started.elapsed() >= patience {
                return Err(LockError::Busy { what: what.to_owned(), holder });
            }
            std::thread::sleep(pause);
        }
    }

    /// Takes a lock that nobody holds, without a word; the file goes when it is released. `None` when somebody holds it. For
    /// removing what killed holders left, which is done in a moment.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn for_a_moment(dir: &Utf8Path, name: &str) -> Result<Option<Self>, FileError> {
        if LockProbe::look(dir, name)?.is_held() {
            return Ok(None);
        }
        let lock = Self::try_once(&lock_file(dir, name))?.map(Self::leaving_nothing);
        if let Some(lock) = &lock {
            // The killed one must not be named as the holder of this.
            let _ = lock.file.set_len(0);
        }
        Ok(lock)
    }

    /// The same lock, whose file goes when it is released: for things that come and go.
    pub fn leaving_nothing(mut self) -> Self {
        self.leave = Leave::Nothing;
        self
    }

    /// The lock file, for those who must not delete it.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// `None` when somebody else has it.
    fn try_once(path: &Utf8Path) -> Result<Option<Self>, FileError> {
        // A cleaner of temporary files may unlink the file between opening and locking; a lock on a file that nobody
        // else can find is none. Bounded, because nobody unlinks a hundred times in a row unless to annoy.
        for _ in 0..100 {
            match Self::take(open_or_create(path)?, path)? {
                Attempt::Got(lock) => return Ok(Some(lock)),
                Attempt::Held => return Ok(None),
                Attempt::Stale => {}
            }
        }
        let source = io::Error::other("the file is replaced again and again");
        Err(FileError { act: "lock", path: path.to_owned(), source })
    }

    fn take(file: File, path: &Utf8Path) -> Result<Attempt, FileError> {
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))) {
            Ok(_) if is_at(&file, path)? => {
                Ok(Attempt::Got(Lock { file, path: path.to_owned(), leave: Leave::File }))
            }
            Ok(_) => Ok(Attempt::Stale),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(Attempt::Held),
            Err(error) => Err(FileError::of("lock", path)(error)),
        }
    }

    /// Best effort: a full /run must not stop an operation that would free space.
    fn describe(&self, operation: &str) {
        let since = jiff::Timestamp::now().as_second();
        let holder = Holder { pid: std::process::id(), operation: operation.to_owned(), since };
        let Ok(text) = serde_json::to_vec(&holder) else { return };
        if text.len() < LONGEST_DESCRIPTION && self.file.set_len(0).is_ok() {
            let _ = (&self.file).write_all(&text);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A description that outlives its holder would accuse the wrong one in the moment before the next holder writes.
        let _ = self.file.set_len(0);
        if self.leave == Leave::Nothing {
            // Ours still, so nobody else can have it; those who opened it meanwhile see that it is gone and make a new one.
            let _ = std::fs::remove_file(&self.path);
            failpoint!("lock: its file removed", self.path);
        }
        // Not by closing alone: a child between fork and exec has a copy of the descriptor and would keep the lock.
        let _ = fcntl(&self.file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_UNLCK)));
    }
}

/// Holds an open file for as long as it stays open: whoever is at work on what it stands for. A name can vanish, with `/run` or by a
/// cleaner of old files; who has the file itself open is found through the file. False when somebody else holds it.
///
/// # Errors
/// When it cannot be locked.
pub(crate) fn hold(file: &File, path: &Utf8Path) -> Result<bool, FileError> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(FileError::of("lock", path)(error)),
    }
}

/// Lets go of a file that is [held](hold), also where a child between fork and exec has a copy of its descriptor.
pub(crate) fn let_go(file: &File) {
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_UNLCK)));
}

pub(super) fn lock_file(dir: &Utf8Path, name: &str) -> Utf8PathBuf {
    debug_assert!(!name.contains('/'), "unchecked lock name {name:?}");
    dir.join(format!("{name}.lock"))
}

fn open_or_create(path: &Utf8Path) -> Result<File, FileError> {
    let mut options = File::options();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file =
        options.clone().create(true).mode(MODE).open(path).map_err(FileError::of("open lock", path))?;
    failpoint!("lock: its file is there", path);
    let metadata = file.metadata().map_err(FileError::of("inspect", path))?;
    if !metadata.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        return Err(FileError { act: "lock", path: path.to_owned(), source });
    }
    if metadata.mode() & 0o777 != MODE {
        // Made by an older version, or by somebody's umask. Not being its owner is no reason to give up.
        let _ = file.set_permissions(Permissions::from_mode(MODE));
    }
    Ok(file)
}

fn is_at(file: &File, path: &Utf8Path) -> Result<bool, FileError> {
    let held = file.metadata().map_err(FileError::of("inspect", path))?;
    match std::fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::of("inspect", path)(error)),
    }
}

pub(super) fn read_holder(file: &File) -> Option<Holder> {
    let mut buffer = [0; LONGEST_DESCRIPTION];
    let count = file.read_at(&mut buffer, 0).ok()?;
    serde_json::from_slice(buffer.get(..count)?).ok()
}

/// A request for the whole file, however long it is.
pub(super) fn whole_file(kind: i32) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(kind).expect("lock types are 0, 1 and 2"),
        l_whence: i16::try_from(libc::SEEK_SET).expect("SEEK_SET is 0"),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests start processes of their own")]
#[path = "lock_tests.rs"]
mod tests;
