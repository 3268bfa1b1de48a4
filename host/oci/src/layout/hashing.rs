//! Hashing of whole files.

use crate::names::{Digest, Hasher};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
};

/// Read at once: large enough for the disk, small enough for the processor's cache.
const PIECE: usize = 256 << 10;

/// The digest and the size of a file, from its beginning.
pub(super) fn hash(file: &File) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::default();
    feed(file, &mut hasher)?;
    let size = hasher.count();
    Ok((hasher.finish(), size))
}

/// Has what a file holds after the bytes that have passed already pass, too.
pub(super) fn feed(file: &File, hasher: &mut Hasher) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match file.read_at(&mut piece, hasher.count()) {
            Ok(0) => return Ok(()),
            Ok(got) => hasher.update(&piece[..got]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Copies all of `from`, hashing what passes. The outer error is of the reading, the inner one of the writing.
pub(super) fn copy(mut from: impl Read, to: &mut impl Write) -> io::Result<io::Result<Digest>> {
    let mut hasher = Hasher::default();
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(Ok(hasher.finish())),
            Ok(got) => {
                hasher.update(&piece[..got]);
                if let Err(error) = to.write_all(&piece[..got]) {
                    return Ok(Err(error));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
