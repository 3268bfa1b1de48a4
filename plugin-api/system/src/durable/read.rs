//! Reads what others may have written.

use super::open_flags;
use crate::FileError;
use camino::Utf8Path;
use rustix::fs::{Mode, OFlags, openat};
use std::{
    fs::File,
    io::{self, Read},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
};

/// Room behind what was announced, in bytes: with it, one more read finds the end instead of a larger buffer.
const PROBE: usize = 64;

/// What a file is opened with that others may have written: O_NONBLOCK, as opening a FIFO would otherwise wait for somebody to
/// write to it.
const CAREFUL: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Reads a regular file of at most `max_bytes` bytes. Never follows a link at `path` itself and never waits on a FIFO.
///
/// # Errors
/// `InvalidInput` for anything but a regular file, `FileTooLarge` beyond the bound, else what the system refuses.
pub fn read_bounded(path: &Utf8Path, max_bytes: u64) -> Result<Vec<u8>, FileError> {
    let opened = File::options().read(true).custom_flags(open_flags(CAREFUL)).open(path);
    read_open(opened.map_err(FileError::of("read", path))?, path, max_bytes)
}

/// The same for a file in a directory that is open; `path` is what messages call it.
///
/// # Errors
/// As for [`read_bounded`].
pub fn read_bounded_in(
    directory: impl AsFd,
    name: &str,
    path: &Utf8Path,
    max_bytes: u64,
) -> Result<Vec<u8>, FileError> {
    let opened = openat(directory, name, CAREFUL | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let file = opened.map_err(FileError::of("read", path))?;
    read_open(file.into(), path, max_bytes)
}

fn read_open(file: File, path: &Utf8Path, max_bytes: u64) -> Result<Vec<u8>, FileError> {
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
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default().saturating_add(PROBE));
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
