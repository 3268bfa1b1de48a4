//! A blob is what its name says when it was hashed and its file has not changed since.

use super::{Layout, LayoutError, hashing::hash, stamp::Stamp};
use crate::names::Digest;
use disklessset_system::FileError;
use std::{fs::File, io};

/// How it is known that a blob is what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// Its file looks as it did when it was hashed.
    Unchanged,
    /// Its file was hashed now.
    Hashed,
}

/// A blob that is what its name says, open for reading from its beginning.
#[derive(Debug)]
pub struct TrustedBlob {
    /// The file.
    pub file: File,
    /// Bytes in it.
    pub size: u64,
    /// How it is known.
    pub how: Trusted,
}

impl Layout {
    /// Opens a blob and makes sure that it is what its name says. Its file is hashed when it looks other than it did the last time.
    ///
    /// # Errors
    /// A blob that is missing or damaged, and what the system refuses.
    pub fn trust(&self, digest: &Digest) -> Result<TrustedBlob, LayoutError> {
        let path = self.blob_path(digest);
        let (file, size) = match self.open_regular(&format!("blobs/sha256/{}", digest.hex())) {
            Err(error) if error.is_not_found() => return Err(LayoutError::Missing(*digest)),
            Err(error) if is_no_blob(&error) => {
                return Err(LayoutError::damaged(digest, "it is no regular file"));
            }
            opened => opened?,
        };
        let look = || Stamp::of(&file).map_err(FileError::of("inspect", &path));
        let before = look()?;
        if self.stamp_of(digest) == Some(before) {
            return Ok(TrustedBlob { file, size, how: Trusted::Unchanged });
        }
        before.wait_for_next_tick();
        let (found, _) = hash(&file, &self.stop).map_err(FileError::of("read", &path))?;
        if look()? != before {
            return Err(LayoutError::damaged(digest, "somebody writes to its file"));
        }
        if found != *digest {
            self.forget_stamp(digest)?;
            return Err(LayoutError::damaged(digest, format!("its file has the digest {found}")));
        }
        self.record_stamp(digest, &before)?;
        Ok(TrustedBlob { file, size, how: Trusted::Hashed })
    }

    /// Whether a blob is there and is what its name says.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn has(&self, digest: &Digest) -> Result<bool, LayoutError> {
        match self.trust(digest) {
            Ok(_) => Ok(true),
            Err(LayoutError::Missing(_) | LayoutError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A link, a directory, a FIFO, a socket or a device where a blob should be.
fn is_no_blob(error: &FileError) -> bool {
    use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory};
    // ENXIO is a socket's answer, ELOOP a link's.
    let number = error.source.raw_os_error();
    let loops = [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO].map(|errno| errno.raw_os_error());
    matches!(error.kind(), InvalidInput | IsADirectory | NotADirectory)
        || number.is_some_and(|number| loops.contains(&number))
}
