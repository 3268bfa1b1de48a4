//! The superblock of an EROFS file, which lies at 1024 bytes.

use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use std::os::unix::fs::FileExt;

const AT: u64 = 1024;
const MAGIC: u32 = 0xE0F5_E1E2;

/// What an EROFS file says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    /// Files of all kinds and directories, hard links once.
    pub(crate) inodes: u64,
    /// Bytes that the file system takes.
    pub(crate) bytes: u64,
}

impl Superblock {
    /// Reads it, and compares it with the length of the file.
    pub(crate) fn read(file: &Utf8Path) -> Result<Self> {
        let fault = |cause: std::io::Error| Error::failed(format!("cannot read {file}")).because(cause);
        let opened = std::fs::File::open(file).map_err(fault)?;
        let length = opened.metadata().map_err(fault)?.len();
        let mut block = [0u8; 40];
        let found = match opened.read_exact_at(&mut block, AT) {
            Ok(()) => Self::parse(&block),
            Err(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(cause) => return Err(fault(cause)),
        };
        let found = found.ok_or_else(|| Error::failed(format!("{file} is not an EROFS file")))?;
        if found.bytes > length {
            return Err(Error::failed(format!("{file} is truncated: {length} of {} bytes", found.bytes)));
        }
        Ok(found)
    }

    fn parse(block: &[u8; 40]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_le_bytes(block.get(at..at + 4)?.try_into().ok()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(block.get(at..at + 8)?.try_into().ok()?));
        let bits = block[12];
        if u32_at(0)? != MAGIC || !(9..=16).contains(&bits) {
            return None;
        }
        Some(Self { inodes: u64_at(16)?, bytes: u64::from(u32_at(36)?) << bits })
    }

    /// Compares the number of files with what went in.
    pub(crate) fn must_hold(&self, inodes: u64, file: &Utf8Path) -> Result<()> {
        if self.inodes == inodes {
            return Ok(());
        }
        Err(Error::failed(format!("{file} holds {} files, its tree has {inodes}", self.inodes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_at_their_places() {
        let mut block = [0; 40];
        block[..4].copy_from_slice(&MAGIC.to_le_bytes());
        block[12] = 12;
        block[16] = 7;
        block[36] = 3;
        assert_eq!(Superblock::parse(&block), Some(Superblock { inodes: 7, bytes: 3 * 4096 }));
        block[12] = 99;
        assert_eq!(Superblock::parse(&block), None);
        assert_eq!(Superblock::parse(&[0; 40]), None);
    }
}
