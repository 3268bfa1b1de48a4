//! A part of a file, read from its own position: a blob in a directory is a whole file, one in an archive a part of it.

use super::{members::Skip, unpack_error::UnpackError};
use camino::Utf8Path;
use rustix::fs::{FileType, Mode, OFlags};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    os::unix::fs::FileExt,
    sync::Arc,
};

/// A part of an open file.
#[derive(Debug, Clone)]
pub(super) struct Section {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Section {
    /// A whole file; a FIFO or a device is none, and must not block us.
    pub(super) fn of_file(path: &Utf8Path) -> std::io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path.as_std_path(), flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(std::io::Error::other("it is not a file"));
        }
        Ok(Self { file: Arc::new(fd.into()), at: 0, end: stat.st_size.cast_unsigned() })
    }

    /// A part of this one, from `start` bytes after its beginning.
    pub(super) fn part(&self, start: u64, length: u64) -> Option<Self> {
        let at = self.at.checked_add(start)?;
        let end = at.checked_add(length).filter(|end| *end <= self.end)?;
        Some(Self { file: Arc::clone(&self.file), at, end })
    }

    /// How many bytes are left to read.
    pub(super) fn left(&self) -> u64 {
        self.end - self.at
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left()).unwrap_or(usize::MAX).min(buffer.len());
        let got = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

/// A buffered section, in which data can be left out without reading it.
pub(super) struct Seekable(BufReader<Section>);

impl Seekable {
    pub(super) fn new(section: Section) -> Self {
        Self(BufReader::with_capacity(4096, section))
    }

    /// How many bytes are left to read.
    pub(super) fn left(&self) -> u64 {
        self.0.get_ref().left() + self.0.buffer().len() as u64
    }
}

impl Read for Seekable {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Seekable {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl Skip for Seekable {
    fn skip(&mut self, bytes: u64) -> Result<u64, UnpackError> {
        let bytes = bytes.min(self.left());
        let buffered = self.0.buffer().len();
        match usize::try_from(bytes) {
            Ok(few) if few <= buffered => self.0.consume(few),
            _ => {
                self.0.consume(buffered);
                self.0.get_mut().at += bytes - buffered as u64;
            }
        }
        Ok(bytes)
    }
}
