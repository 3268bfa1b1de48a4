//! btrfs subvolumes: directories that are snapshot and deleted as one.

mod removing;

pub use removing::{destroy, make_writable};

use camino::Utf8Path;
use rustix::fd::AsFd;

use crate::{FileError, file_system::FileSystem};

/// The inode number of every subvolume's topmost directory, and of nothing else on btrfs.
const TOPMOST_INODE: u64 = 256;

/// Whether a path is the topmost directory of a subvolume. A link is none.
///
/// # Errors
/// When the path cannot be reached.
pub fn is_subvolume(path: &Utf8Path) -> Result<bool, FileError> {
    use std::os::unix::fs::MetadataExt;
    let found = path.symlink_metadata().map_err(FileError::of("look at", path))?;
    Ok(found.is_dir() && found.ino() == TOPMOST_INODE && FileSystem::of(path)? == FileSystem::Btrfs)
}

/// Whether an open directory is the topmost of a subvolume; not when it cannot be asked.
pub fn is_open_subvolume(directory: impl AsFd) -> bool {
    rustix::fs::fstat(&directory).is_ok_and(|stat| stat.st_ino == TOPMOST_INODE)
        && FileSystem::of_open(&directory).is_ok_and(|kind| kind == FileSystem::Btrfs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_directory_is_no_subvolume() {
        assert!(!is_subvolume("/proc".into()).unwrap());
        assert!(!is_open_subvolume(std::fs::File::open("/proc").unwrap()));
        assert!(is_subvolume("/no/such/place".into()).unwrap_err().is_not_found());
    }
}
