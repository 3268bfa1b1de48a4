//! Hashing of whole files.

use crate::names::{Digest, Hasher};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    sync::Arc,
};

/// Read at once: large enough for the disk, small enough for the processor's cache.
const PIECE: usize = 256 << 10;

/// What is asked while something takes long, and ends it by yes.
#[derive(Clone, Default)]
pub(super) struct Stop(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Stop").field(&self.0.is_some()).finish()
    }
}

impl Stop {
    pub(super) fn when(asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(asked)))
    }

    /// Fails when it is time to stop: with a kind of error that is never told otherwise, since who reads goes on after it.
    fn look(&self) -> io::Result<()> {
        match &self.0 {
            Some(asked) if asked() => Err(io::ErrorKind::Interrupted.into()),
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
