//! Looks at a lock without taking it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use camino::Utf8Path;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::FileError;
use super::lock::{Holder, lock_file, read_holder, whole_file};

/// What a look at a lock showed, without taking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockProbe {
    /// Nobody holds it.
    Free,
    /// A living process holds it; who, when that can be told.
    Held(Option<Holder>),
}

impl LockProbe {
    /// Looks at the lock file `name` in `dir`. Disturbs nobody, and works for users who may not read the file.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn look(dir: &Utf8Path, name: &str) -> Result<Self, FileError> {
        Self::look_at(&lock_file(dir, name))
    }

    /// The same for a file that is held for the length of an action.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn look_at(path: &Utf8Path) -> Result<Self, FileError> {
        let file =
            match File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LockProbe::Free),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return from_outside(path),
                Err(error) => return Err(FileError::of("look at lock", path)(error)),
            };
        // Asked as a reader would: only a writer's lock is in a reader's way, and only those who may write to the file
        // can hold one. A reader's lock must not look like a living creator.
        let mut asked = whole_file(libc::F_RDLCK);
        fcntl(&file, FcntlArg::F_OFD_GETLK(&mut asked)).map_err(FileError::of("look at lock", path))?;
        if i32::from(asked.l_type) == libc::F_UNLCK {
            Ok(LockProbe::Free)
        } else {
            Ok(LockProbe::Held(read_holder(&file)))
        }
    }

    /// Whether a living process holds it.
    pub fn is_held(&self) -> bool {
        matches!(self, LockProbe::Held(_))
    }
}

/// Whether a lock is held, for those who may not open its file: the kernel tells everybody which locks there are.
pub(super) fn from_outside(path: &Utf8Path) -> Result<LockProbe, FileError> {
    let file = match std::fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LockProbe::Free),
        Err(error) => return Err(FileError::of("look at lock", path)(error)),
    };
    let held = std::fs::read_to_string("/proc/locks").map_err(FileError::of("look at lock", path))?;
    let is_ours = |line: &str| is_writers_lock_on(line, &file);
    Ok(if held.lines().any(is_ours) { LockProbe::Held(None) } else { LockProbe::Free })
}

/// Reads a line such as `2: OFDLCK ADVISORY  WRITE -1 00:1a:4711 0 EOF`.
fn is_writers_lock_on(line: &str, file: &Metadata) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let (kind, what, place) = (words.next(), words.nth(1), words.nth(1));
    let Some((device, inode)) = place.and_then(|place| place.rsplit_once(':')) else { return false };
    let major = || u64::from_str_radix(device.split_once(':')?.0, 16).ok();
    // A file system without a device of its own may tell its files another number than it tells the kernel.
    let same_device = || match rustix::fs::major(file.dev()) {
        0 => major() == Some(0),
        _ => device == format!("{:02x}:{:02x}", rustix::fs::major(file.dev()), rustix::fs::minor(file.dev())),
    };
    (kind, what) == (Some("OFDLCK"), Some("WRITE")) && inode.parse() == Ok(file.ino()) && same_device()
}
