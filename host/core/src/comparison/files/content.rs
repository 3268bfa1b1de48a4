//! Whether two regular files of one size have the same content.

use crate::{failure, system::interrupt};
use disklessset_plugin_api::Result;
use rustix::{
    fd::OwnedFd,
    fs::{FileType, SeekFrom, fstat, seek},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read},
};

/// What is read of each file at once.
const PIECE: usize = 128 * 1024;

/// Reads files in pairs, with two pieces of memory for all of them.
pub(super) struct Reader {
    old: Vec<u8>,
    new: Vec<u8>,
}

/// Whether two files are the same.
pub(super) enum Content {
    Same,
    Differs,
    /// One of them was changed while it was read, or is no regular file any more.
    Unsteady,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { old: vec![0; PIECE], new: vec![0; PIECE] }
    }

    /// Compares two files of this size byte by byte. Holes that both have are passed over where they are
    /// `sparse`.
    ///
    /// # Errors
    /// When one cannot be read; outside, when a stop was asked for.
    pub(super) fn compare(
        &mut self,
        old: OwnedFd,
        new: OwnedFd,
        size: u64,
        sparse: bool,
    ) -> Result<io::Result<Content>> {
        for open in [&old, &new] {
            match fstat(open) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
                    return Ok(Ok(Content::Unsteady));
                }
                Ok(_) => {}
                Err(cause) => return Ok(Err(cause.into())),
            }
        }
        let (mut old, mut new) = (File::from(old), File::from(new));
        let mut at = 0;
        while at < size {
            interrupt::check().map_err(failure::interrupted)?;
            if sparse {
                match next_data(&old, &new, at) {
                    Ok(Some(data)) => at = data,
                    Ok(None) => return Ok(Ok(Content::Same)),
                    Err(cause) => return Ok(Err(cause.into())),
                }
            }
            let (read, other) = match (fill(&mut old, &mut self.old), fill(&mut new, &mut self.new)) {
                (Ok(read), Ok(other)) => (read, other),
                (Err(cause), _) | (_, Err(cause)) => return Ok(Err(cause)),
            };
            if self.old.get(..read) != self.new.get(..other) {
                return Ok(Ok(Content::Differs));
            }
            at += read as u64;
            if read == 0 && at < size {
                return Ok(Ok(Content::Unsteady));
            }
        }
        Ok(Ok(Content::Same))
    }
}

/// Goes in both files to where one of them has something; nothing where only holes follow in both.
fn next_data(old: &File, new: &File, at: u64) -> std::result::Result<Option<u64>, Errno> {
    let data = |file: &File| match seek(file, SeekFrom::Data(at)) {
        Ok(data) => Ok(Some(data)),
        Err(Errno::NXIO) => Ok(None),
        // Without holes in its file system there is something everywhere.
        Err(Errno::INVAL) => Ok(Some(at)),
        Err(other) => Err(other),
    };
    let Some(next) = [data(old)?, data(new)?].into_iter().flatten().min() else { return Ok(None) };
    for file in [old, new] {
        seek(file, SeekFrom::Start(next))?;
    }
    Ok(Some(next))
}

/// Fills a piece, or as much of it as there is.
fn fill(file: &mut File, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(filled)
}
