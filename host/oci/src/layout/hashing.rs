//! Hashing of whole files.

use crate::names::{Digest, Hasher};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Read at once: large enough for the disk, small enough for the processor's cache.
const PIECE: usize = 256 << 10;

/// A flag that ends what takes long.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(pub(super) Option<Arc<AtomicBool>>);

impl Stop {
    /// Fails when the flag is raised: with a kind of error that is never told otherwise, since who reads goes on after it.
    fn look(&self) -> io::Result<()> {
        match &self.0 {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }
}

/// The digest and the size of a file, from its beginning.
pub(super) fn hash(file: &File, stop: &Stop) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::default();
    feed(file, &mut hasher, stop)?;
    let size = hasher.count();
    Ok((hasher.finish(), size))
}

/// The digest of a file, as long as `watch` does not answer no.
pub(super) fn hash_watched(file: &File, watch: &dyn Fn() -> bool) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    let mut piece = vec![0; PIECE];
    loop {
        if !watch() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match file.read_at(&mut piece, hasher.count()) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(got) => hasher.update(&piece[..got]),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INTR.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Has what a file holds after the bytes that have passed already pass, too.
pub(super) fn feed(file: &File, hasher: &mut Hasher, stop: &Stop) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        stop.look()?;
        match file.read_at(&mut piece, hasher.count()) {
            Ok(0) => return Ok(()),
            Ok(got) => hasher.update(&piece[..got]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Copies all of `from`, hashing what passes. The outer error is of the reading, the inner one of the writing.
pub(super) fn copy(mut from: impl Read, to: &mut impl Write, stop: &Stop) -> io::Result<io::Result<Digest>> {
    let mut hasher = Hasher::default();
    let mut piece = vec![0; PIECE];
    loop {
        stop.look()?;
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
