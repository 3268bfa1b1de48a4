//! The first 96 bytes of a squashfs file.

use super::Compression;
use crate::content::Content;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Error;
use std::io::Read;

/// Why a file is not the squashfs file it should be.
#[derive(Debug, thiserror::Error)]
pub enum SuperblockError {
    /// It cannot be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The file.
        file: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{0} is not a squashfs 4.0 file")]
    Other(Utf8PathBuf),
    /// Its end is missing.
    #[error("{file} is truncated: {length} of {needed} bytes")]
    Truncated {
        /// The file.
        file: Utf8PathBuf,
        /// Its length.
        length: u64,
        /// Bytes its superblock says it uses.
        needed: u64,
    },
    /// It does not hold the whole tree.
    #[error("{file} holds {found} files, its tree has {expected}")]
    Files {
        /// The file.
        file: Utf8PathBuf,
        /// Inodes in the file.
        found: u64,
        /// Inodes in the tree.
        expected: u64,
    },
}

impl From<SuperblockError> for Error {
    fn from(error: SuperblockError) -> Self {
        Self::failed(error.to_string())
    }
}

/// What a squashfs file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superblock {
    /// Files of all kinds and directories, hard links once.
    pub inodes: u64,
    /// Bytes in use; the file may be padded beyond.
    pub bytes_used: u64,
    /// Bytes a block.
    pub block_size: u32,
    /// How its data is compressed; `None` in a way that is not made here.
    pub compression: Option<Compression>,
}

impl Superblock {
    /// Reads it, and compares it with the length of the file.
    ///
    /// # Errors
    /// When it is none, or the file is shorter than it says.
    pub fn read(file: &Utf8Path) -> Result<Self, SuperblockError> {
        let fault = |source| SuperblockError::Read { file: file.to_owned(), source };
        let mut opened = std::fs::File::open(file).map_err(fault)?;
        let length = opened.metadata().map_err(fault)?.len();
        let mut head = [0u8; 96];
        opened.read_exact(&mut head).map_err(|_| SuperblockError::Other(file.to_owned()))?;
        let found = Self::parse(&head).ok_or_else(|| SuperblockError::Other(file.to_owned()))?;
        if found.bytes_used > length || found.bytes_used < 96 {
            return Err(SuperblockError::Truncated {
                file: file.to_owned(),
                length,
                needed: found.bytes_used,
            });
        }
        Ok(found)
    }

    /// The fields at their places in format 4.0, little endian.
    fn parse(head: &[u8; 96]) -> Option<Self> {
        let u16_at = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
        let u32_at = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
        if &head[..4] != b"hsqs" || u16_at(28)? != 4 || u16_at(30)? != 0 {
            return None;
        }
        Some(Self {
            inodes: u32_at(4)?.into(),
            block_size: u32_at(12)?,
            bytes_used: u64_at(40)?,
            compression: Compression::of_number(u16_at(20)?),
        })
    }

    /// Compares the number of files with what went in.
    ///
    /// # Errors
    /// When they differ.
    pub fn must_hold(&self, inodes: u64, file: &Utf8Path) -> Result<(), SuperblockError> {
        if self.inodes == inodes {
            return Ok(());
        }
        Err(SuperblockError::Files { file: file.to_owned(), found: self.inodes, expected: inodes })
    }

    /// Compares the number of files with what is in a tree. mksquashfs writes a symbolic link once for each of its names; a release that
    /// does not is right, too.
    ///
    /// # Errors
    /// When there are fewer or more.
    pub fn must_hold_all_of(&self, content: &Content, file: &Utf8Path) -> Result<(), SuperblockError> {
        if (content.inodes..=content.most_inodes()).contains(&self.inodes) {
            return Ok(());
        }
        self.must_hold(content.inodes, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn other_files_and_truncated_ones_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let file = Utf8PathBuf::from_path_buf(dir.path().join("x.img")).unwrap();
        let put = |bytes: &[u8]| std::fs::File::create(&file).unwrap().write_all(bytes).unwrap();
        put(b"hsqs");
        assert!(Superblock::read(&file).unwrap_err().to_string().ends_with("is not a squashfs 4.0 file"));
        let mut head = [0u8; 96];
        head[..4].copy_from_slice(b"hsqs");
        head[4] = 7;
        head[28] = 4;
        head[40] = 200;
        put(&head);
        assert!(Superblock::read(&file).unwrap_err().to_string().ends_with("truncated: 96 of 200 bytes"));
        put(&[head.as_slice(), &[0; 104]].concat());
        let found = Superblock::read(&file).unwrap();
        assert_eq!((found.inodes, found.bytes_used), (7, 200));
        assert!(found.must_hold(7, &file).is_ok());
        let linked =
            |inodes, more_names_of_links| Content { inodes, more_names_of_links, ..Content::default() };
        for (content, good) in
            [(linked(7, 0), true), (linked(5, 2), true), (linked(5, 1), false), (linked(8, 2), false)]
        {
            assert_eq!(found.must_hold_all_of(&content, &file).is_ok(), good, "{content:?}");
        }
        assert!(found.must_hold(8, &file).unwrap_err().to_string().contains("holds 7 files, its tree has 8"));
    }
}
