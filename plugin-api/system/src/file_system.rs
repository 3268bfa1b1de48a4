//! The kind of file system that a path lies on.

use camino::Utf8Path;
use rustix::{fd::AsFd, fs::StatFs};

use crate::FileError;

/// The number by which the kernel tells btrfs.
const BTRFS: i64 = 0x9123_683e;
/// The one of XFS.
const XFS: i64 = 0x5846_5342;
/// The one of ext2, ext3 and ext4.
const EXT: i64 = 0xef53;
/// The one of tmpfs.
const MEMORY: i64 = 0x0102_1994;

/// A file system as far as copying is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// Shares data, makes snapshots, may compress.
    Btrfs,
    /// Shares data.
    Xfs,
    /// ext2, ext3 or ext4.
    Ext,
    /// tmpfs: it takes memory, and nothing of it is there after a reboot.
    Memory,
    /// Any other.
    Other,
}

impl FileSystem {
    /// The kind of file system that a path lies on.
    ///
    /// # Errors
    /// When the path cannot be reached.
    pub fn of(path: &Utf8Path) -> Result<Self, FileError> {
        let stat = rustix::fs::statfs(path.as_std_path())
            .map_err(FileError::of("look at the file system of", path))?;
        Ok(Self::told_by(&stat))
    }

    /// The kind of file system that an open file lies on.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn of_open(file: impl AsFd) -> rustix::io::Result<Self> {
        rustix::fs::fstatfs(file).map(|stat| Self::told_by(&stat))
    }

    fn told_by(stat: &StatFs) -> Self {
        // The type of this field differs between architectures; the numbers fit 32 bits.
        match i64::from(stat.f_type as u32) {
            BTRFS => Self::Btrfs,
            XFS => Self::Xfs,
            EXT => Self::Ext,
            MEMORY => Self::Memory,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_of_another_kind_is_other() {
        assert_eq!(FileSystem::of("/proc".into()).unwrap(), FileSystem::Other);
        assert!(FileSystem::of("/no/such/place".into()).unwrap_err().is_not_found());
    }
}
