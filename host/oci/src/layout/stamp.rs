//! How a file looked when it was hashed.

use super::{Layout, LayoutError};
use crate::names::Digest;
use disklessset_system::{FileError, durable};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    time::Duration,
};

/// What changes when a file is written to: its inode, its size, the times of its last change. Times are in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    inode: u64,
    size: u64,
    mtime: i128,
    ctime: i128,
}

/// Within this time two writes can leave the same times on a file: a tick of the slowest kernel clock, doubled.
const SAME_TICK: Duration = Duration::from_millis(20);

impl Stamp {
    /// How an open file looks now.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Ok(Self {
            inode: found.ino(),
            size: found.size(),
            mtime: nanoseconds(found.mtime(), found.mtime_nsec()),
            ctime: nanoseconds(found.ctime(), found.ctime_nsec()),
        })
    }

    /// Bytes in the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is the same content still: a new link or a new name changes the last time only.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        (self.inode, self.size, self.mtime) == (other.inode, other.size, other.mtime)
    }

    /// Waits until a write would leave another time than the last one did. Who hashes a file after this and finds the same stamp again
    /// later may rely on it.
    pub(super) fn wait_for_next_tick(&self) {
        let now = jiff::Timestamp::now().as_nanosecond();
        if (now - self.mtime).unsigned_abs() < SAME_TICK.as_nanos() {
            std::thread::sleep(SAME_TICK);
        }
    }
}

impl Layout {
    /// What is on record of a blob; nothing when the record cannot be read: the blob is hashed again then.
    pub(super) fn stamp_of(&self, digest: &Digest) -> Option<Stamp> {
        let text = durable::read_bounded(&self.stamps.join(digest.hex()), 4096).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Written in place and not flushed: a record that is half there, empty or gone costs one look at the blob. So does one for which
    /// there is no room.
    pub(super) fn record_stamp(&self, digest: &Digest, stamp: &Stamp) -> Result<(), LayoutError> {
        let path = self.stamps.join(digest.hex());
        let text = serde_json::to_vec(stamp).map_err(FileError::of("write", &path))?;
        let made = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        match made.and_then(|mut file| file.write_all(&text)) {
            Err(cause)
                if matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                self.forget_stamp(digest)
            }
            written => Ok(written.map_err(FileError::of("write", &path))?),
        }
    }

    pub(super) fn forget_stamp(&self, digest: &Digest) -> Result<(), LayoutError> {
        let path = self.stamps.join(digest.hex());
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(FileError::of("remove", &path)(cause).into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, time::Instant};

    #[test]
    fn a_file_that_was_written_just_now_is_waited_for_and_an_old_one_is_not() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"x").unwrap();
        let (fresh, began) = (Stamp::of(&file).unwrap(), Instant::now());
        fresh.wait_for_next_tick();
        assert!(began.elapsed() >= SAME_TICK);
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(1)).unwrap();
        let (old, began) = (Stamp::of(&file).unwrap(), Instant::now());
        (0..1000).for_each(|_| old.wait_for_next_tick());
        assert!(began.elapsed() < 1000 * SAME_TICK);
        assert!(!old.same_content(&fresh));
    }
}
