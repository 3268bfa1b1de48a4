//! A blob that comes in piece by piece. What is there of it stays over an end of the program, and the next download goes on after it.

use super::{
    Layout, LayoutError,
    hashing::{self, Stop},
};
use crate::names::{Digest, Hasher};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::{FileError, durable};
use rustix::fs::OFlags;
use std::{
    fs::{File, TryLockError},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
};

/// A blob of which the first bytes are there. Dropped, they stay for the next time.
#[derive(Debug)]
pub struct Partial {
    path: Utf8PathBuf,
    file: File,
    digest: Digest,
    size: u64,
    hasher: HasherOf,
    found: u64,
}

/// A hasher that prints its count only.
struct HasherOf(Hasher);

impl std::fmt::Debug for HasherOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.count())
    }
}

impl Layout {
    /// Begins a blob of so many bytes, or goes on with what is there of it. Of two that bring the same blob at once, the second begins a
    /// file of its own.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn begin(&self, digest: &Digest, size: u64) -> Result<Partial, LayoutError> {
        durable::create_dir_all(&self.incoming(), 0o700)?;
        let path = self.incoming().join(digest.hex());
        // Nothing but a regular file of ours is gone on with, and none that has other names.
        if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file");
            return Err(FileError { act: "go on with", path, source }.into());
        }
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(flags.bits().cast_signed())
            .open(&path)
            .map_err(FileError::of("open", &path))?;
        let (path, file) = match file.try_lock() {
            Ok(()) => (path, file),
            Err(TryLockError::WouldBlock) => durable::create_temporary(&path, 0o644)?,
            Err(TryLockError::Error(cause)) => return Err(FileError::of("lock", &path)(cause).into()),
        };
        durable::sync_dir(&self.incoming())?;
        let mut partial =
            Partial { path, file, digest: *digest, size, hasher: HasherOf(Hasher::default()), found: 0 };
        partial.go_on(&self.stop)?;
        Ok(partial)
    }
}

impl Layout {
    /// How many bytes an earlier download left of a blob.
    pub fn begun(&self, digest: &Digest) -> u64 {
        let found = self.incoming().join(digest.hex()).symlink_metadata();
        found.ok().filter(|found| found.is_file()).map_or(0, |found| found.len())
    }

    /// Removes what an earlier download left of a blob.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn forget_begun(&self, digest: &Digest) -> Result<(), LayoutError> {
        Ok(durable::remove_file(&self.incoming().join(digest.hex()))?)
    }
}

impl Partial {
    /// The blob that it becomes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many bytes are there.
    pub fn len(&self) -> u64 {
        self.hasher.0.count()
    }

    /// Whether nothing is there yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes there will be.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes were there when it was opened: an earlier download brought them.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// The next bytes.
    ///
    /// # Errors
    /// More bytes than the blob has; what the system refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LayoutError> {
        if bytes.len() as u64 > self.size - self.len() {
            return Err(LayoutError::damaged(
                &self.digest,
                format!("it has more than its {} bytes", self.size),
            ));
        }
        self.file.write_all(bytes).map_err(FileError::of("write", &self.path))?;
        self.hasher.0.update(bytes);
        Ok(())
    }

    /// Forgets all bytes and begins again.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn restart(&mut self) -> Result<(), LayoutError> {
        self.hasher = HasherOf(Hasher::default());
        self.found = 0;
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map(drop).map_err(|cause| FileError::of("empty", &self.path)(cause).into())
    }

    /// Puts the bytes that are there on disk, for the next time.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn keep(&self) -> Result<(), LayoutError> {
        self.file.sync_data().map_err(|cause| FileError::of("flush", &self.path)(cause).into())
    }

    /// Removes what is there.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn discard(self) -> Result<(), LayoutError> {
        Ok(durable::remove_file(&self.path)?)
    }

    /// Where the bytes are, for who takes them from there when all are.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Whether all bytes are there and are those of the blob.
    pub fn is_whole(&self) -> bool {
        self.len() == self.size && self.hasher.0.clone().finish() == self.digest
    }

    /// Makes it a blob of the layout, durably.
    ///
    /// # Errors
    /// Bytes that are not those of the blob, which are then removed; what the system refuses.
    pub fn finish(self, layout: &Layout) -> Result<(), LayoutError> {
        if !self.is_whole() {
            let (len, found) = (self.len(), self.hasher.0.clone().finish());
            let error = LayoutError::damaged(
                &self.digest,
                format!("what came has {len} of {} bytes and the digest {found}", self.size),
            );
            self.discard()?;
            return Err(error);
        }
        durable::set_mode(&self.path, 0o644)?;
        self.file.sync_all().map_err(FileError::of("flush", &self.path))?;
        layout.put_in_place(&self.path, &self.digest)
    }

    /// Hashes what an earlier download left; what cannot be the beginning of the blob is forgotten.
    fn go_on(&mut self, stop: &Stop) -> Result<(), LayoutError> {
        let length = self.file.metadata().map_err(FileError::of("inspect", &self.path))?.len();
        if length > self.size {
            return self.restart();
        }
        hashing::feed(&self.file, &mut self.hasher.0, stop).map_err(FileError::of("read", &self.path))?;
        self.found = self.len();
        let at_end = self.file.seek(SeekFrom::Start(self.found));
        at_end.map(drop).map_err(|cause| FileError::of("read", &self.path)(cause).into())
    }
}
