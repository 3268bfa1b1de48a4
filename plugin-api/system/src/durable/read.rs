//! Reads what others may have written.

use super::open_flags;
use crate::FileError;
use camino::Utf8Path;
use rustix::fs::OFlags;
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
};

/// Reads a regular file of at most `max_bytes` bytes. Never follows a link at `path` itself and never waits on a FIFO.
///
/// # Errors
/// `InvalidInput` for anything but a regular file, `FileTooLarge` beyond the bound, else what the system refuses.
pub fn read_bounded(path: &Utf8Path, max_bytes: u64) -> Result<Vec<u8>, FileError> {
    let file = File::options()
        .read(true)
        // O_NONBLOCK: opening a FIFO would otherwise wait for somebody to write to it.
        .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY))
        .open(path)
        .map_err(FileError::of("read", path))?;
    let length = require_regular(&file, path)?;
    let too_large = || {
        let text = format!("larger than the {max_bytes} bytes such a file may have");
        FileError {
            act: "read",
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::FileTooLarge, text),
        }
    };
    if length > max_bytes {
        return Err(too_large());
    }
    let mut content = Vec::new();
    // The file may grow while it is read: the bound holds for what is read, not for what was announced.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut content).map_err(FileError::of("read", path))?;
    if content.len() as u64 > max_bytes { Err(too_large()) } else { Ok(content) }
}

/// Refuses anything but a regular file; returns its length in bytes.
pub(super) fn require_regular(file: &File, path: &Utf8Path) -> Result<u64, FileError> {
    let metadata = file.metadata().map_err(FileError::of("inspect", path))?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
    Err(FileError { act: "read", path: path.to_owned(), source })
}
