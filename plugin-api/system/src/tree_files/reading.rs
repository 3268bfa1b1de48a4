//! What is in a tree.

use super::{Result, TreeFileError, TreeFiles};
use crate::beneath::{self, removal::entries};
use camino::Utf8PathBuf;
use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{FileType, OFlags},
    io::Errno,
};
use std::io::Read;

/// The most that is read of one file: what we read are accounts, keys and configuration.
const MOST: u64 = 16 * 1024 * 1024;

impl TreeFiles {
    /// What a file says, links inside the tree followed; `None` when there is none (a dangling link included).
    ///
    /// # Errors
    /// When it is no regular file, too large, behind a loop of links or a mount, or unreadable.
    pub fn read(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let fault = self.fault("read", file);
        // A FIFO planted there must not block us.
        let fd = match self.open_at(file, OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(cause) => return Err(fault(cause)),
        };
        let stat = rustix::fs::fstat(&fd).map_err(&fault)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(fault(Errno::INVAL));
        }
        let mut bytes = Vec::new();
        let mut limited = std::fs::File::from(fd).take(MOST + 1);
        let act = |cause: std::io::Error| TreeFileError { source: cause, ..fault(Errno::IO) };
        limited.read_to_end(&mut bytes).map_err(act)?;
        if bytes.len() as u64 > MOST { Err(fault(Errno::FBIG)) } else { Ok(Some(bytes)) }
    }

    /// What a text file says, bytes that are not UTF-8 replaced.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_text(&self, file: &str) -> Result<Option<String>> {
        Ok(self.read(file)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// What a link says, followed or not; `None` for what is no link, or not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn link_target(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let fault = self.fault("read the link", file);
        let (parent, name) = match self.parent(file) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(cause) => return Err(fault(cause)),
        };
        match rustix::fs::readlinkat(&parent, &name, Vec::new()) {
            Ok(target) => Ok(Some(target.into_bytes())),
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(cause) => Err(fault(cause)),
        }
    }

    /// The names in a directory that are UTF-8 (the others are of no use to us); none when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self, directory: &str) -> Result<Vec<String>> {
        let fault = self.fault("read", directory);
        let fd = match self.open_at(directory, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
            Err(cause) => return Err(fault(cause)),
        };
        let mut names: Vec<String> = entries(fd.as_fd())
            .map_err(&fault)?
            .into_iter()
            .filter_map(|(name, _)| name.into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Where a directory of the tree really lies on the server, links inside the tree followed: for tools that take paths.
    ///
    /// # Errors
    /// When it is not there, or its name is not UTF-8.
    pub fn real_path(&self, directory: &str) -> Result<Utf8PathBuf> {
        let fault = self.fault("find", directory);
        let fd = self.open_at(directory, OFlags::PATH | OFlags::DIRECTORY).map_err(&fault)?;
        place_of(fd.as_fd()).map_err(&fault)
    }

    /// Where a regular file of the tree really lies on the server, links inside the tree followed; `None` when there is none.
    ///
    /// # Errors
    /// When its name is not UTF-8.
    pub fn real_file(&self, file: &str) -> Result<Option<Utf8PathBuf>> {
        let fault = self.fault("find", file);
        let Ok(fd) = self.open_at(file, OFlags::PATH) else { return Ok(None) };
        let stat = rustix::fs::fstat(&fd).map_err(&fault)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => place_of(fd.as_fd()).map(Some).map_err(&fault),
            _ => Ok(None),
        }
    }
}

fn place_of(open: BorrowedFd<'_>) -> rustix::io::Result<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(beneath::place_of(open)?).map_err(|_| Errno::ILSEQ)
}
