//! What was found of files, in a file without a name: three hundred thousand of them take no memory, and a
//! kill leaves nothing.

use super::files::FileDifference;
use crate::system::FileError;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, Serializer, ser::Error as _};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::FileExt,
};

/// Takes differences, one after the other.
pub(super) struct Spool {
    file: BufWriter<File>,
    count: u64,
    directory: Utf8PathBuf,
}

impl Spool {
    /// One in a private directory, without a name there.
    pub(super) fn below(directory: &Utf8Path) -> Result<Self, FileError> {
        let file = tempfile::tempfile_in(directory).map_err(FileError::of("make a file in", directory))?;
        Ok(Self { file: BufWriter::new(file), count: 0, directory: directory.to_owned() })
    }

    /// Takes one more.
    pub(super) fn put(&mut self, difference: &FileDifference) -> Result<(), FileError> {
        let written = serde_json::to_writer(&mut self.file, difference).map_err(io::Error::from);
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        self.count += 1;
        written.map_err(FileError::of("write to a file in", &self.directory))
    }

    /// All that it took.
    pub(super) fn finish(self) -> Result<FileDifferences, FileError> {
        let Self { file, count, directory } = self;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        let file = file.map_err(FileError::of("write to a file in", &directory))?;
        Ok(FileDifferences { file, count })
    }
}

/// Files that differ. They are read from disk each time they are asked for.
#[derive(Debug)]
pub struct FileDifferences {
    file: File,
    count: u64,
}

impl FileDifferences {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Each of them, in the order of a walk through the tree.
    pub fn iter(&self) -> impl Iterator<Item = io::Result<FileDifference>> + '_ {
        let reader = BufReader::new(FromStart { file: &self.file, at: 0 });
        reader.split(b'\n').map(|line| Ok(serde_json::from_slice(&line?)?))
    }
}

impl Serialize for FileDifferences {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut list = serializer.serialize_seq(None)?;
        for difference in self.iter() {
            let difference = difference
                .map_err(|cause| S::Error::custom(format!("cannot read what was found: {cause}")))?;
            list.serialize_element(&difference)?;
        }
        list.end()
    }
}

/// Reads a file without moving a position that all its readers share.
struct FromStart<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
