//! What a file system has left.

use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use std::{fmt, os::unix::fs::MetadataExt};

use super::Need;
use crate::trees::{FileSystem, file_system_of};

/// What is left at a place, for this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The number by which the kernel tells file systems apart.
    pub(super) device: u64,
    /// Bytes that can still be written, at most.
    pub free: u64,
    /// Files that can still be made; nothing where there is no limit.
    pub files: Option<u64>,
    /// Bytes of a block: files take whole ones.
    pub block: u64,
    kind: FileSystem,
}

impl Room {
    /// Whether so much may fit.
    pub fn holds(&self, need: Need) -> bool {
        need.bytes <= self.free && self.files.is_none_or(|files| need.files <= files)
    }

    /// Whether files may take less there than elsewhere.
    pub fn may_compress(&self) -> bool {
        !matches!(self.kind, FileSystem::Ext | FileSystem::Xfs | FileSystem::Memory)
    }

    /// Whether a tree made here from one there shares its data, as far as the file systems tell.
    pub(super) fn may_share_with(&self, other: &Self) -> bool {
        match (self.kind, other.kind) {
            // Subvolumes of one btrfs have numbers of their own.
            (FileSystem::Btrfs, FileSystem::Btrfs) => true,
            (FileSystem::Xfs, FileSystem::Xfs) => self.device == other.device,
            _ => false,
        }
    }

    /// What a directory takes there, at least.
    pub(super) fn directory(&self) -> u64 {
        if self.kind == FileSystem::Ext { self.block } else { 0 }
    }
}

/// The room at a place; of the nearest directory above it where it is not there.
///
/// # Errors
/// What the system refuses.
pub fn room(path: &Utf8Path) -> Result<Room> {
    let there = path.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(Utf8Path::new("."));
    let fault =
        |cause: std::io::Error| Error::failed(format!("cannot tell the room at {there}")).because(cause);
    let space = rustix::fs::statvfs(there.as_std_path()).map_err(|cause| fault(cause.into()))?;
    let device = there.metadata().map_err(fault)?.dev();
    let kind = file_system_of(there)?;
    let blocks = match kind {
        // Root may use what is kept back for it, but not what the file system keeps for itself: a fiftieth, at most 4096.
        FileSystem::Ext if rustix::process::geteuid().is_root() => {
            space.f_bfree.saturating_sub((space.f_blocks / 50).min(4096))
        }
        _ => space.f_bavail,
    };
    Ok(Room {
        device,
        free: blocks * space.f_frsize,
        files: (space.f_files > 0).then_some(space.f_ffree),
        block: space.f_frsize.max(1),
        kind,
    })
}

/// A number of bytes for people, in binary units: `700M`, `1.8G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_u64 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
        match units.into_iter().find(|(unit, _)| self.0 >= *unit) {
            None => write!(f, "{}", self.0),
            Some((unit, name)) if self.0 / unit >= 10 => write!(f, "{}{name}", self.0 / unit),
            Some((unit, name)) => write!(f, "{}.{}{name}", self.0 / unit, self.0 % unit * 10 / unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_as_people_tell_them() {
        let told = [0, 1023, 1024, 700 << 20, (3 << 30) / 2, 12 << 30, 2 << 40].map(|n| Bytes(n).to_string());
        assert_eq!(told, ["0", "1023", "1.0K", "700M", "1.5G", "12G", "2.0T"]);
    }

    #[test]
    fn a_place_that_is_not_there_yet_is_where_the_directory_above_is() {
        let (here, there) = (room("/tmp".into()).unwrap(), room("/tmp/not/yet".into()).unwrap());
        assert_eq!((here.device, here.block), (there.device, there.block));
        assert!(!room("/proc".into()).unwrap().holds(Need { bytes: 1, files: 0 }));
    }
}
