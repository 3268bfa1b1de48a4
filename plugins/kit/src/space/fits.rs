//! Whether what is needed fits what a file system has left.

use super::Need;
use disklessset_system::{file_system::FileSystem, free_space::FreeSpace};

/// Whether so much may fit.
pub(super) fn holds(space: &FreeSpace, need: Need) -> bool {
    need.bytes <= space.free && space.files.is_none_or(|files| need.files <= files)
}

/// Whether files may take less there than elsewhere.
pub(super) fn may_compress(space: &FreeSpace) -> bool {
    !matches!(space.kind, FileSystem::Ext | FileSystem::Xfs | FileSystem::Memory)
}

/// Whether a tree made at one place from another at the other shares its data, as far as the file systems tell.
pub(super) fn may_share(one: &FreeSpace, other: &FreeSpace) -> bool {
    match (one.kind, other.kind) {
        // Subvolumes of one btrfs have numbers of their own.
        (FileSystem::Btrfs, FileSystem::Btrfs) => true,
        (FileSystem::Xfs, FileSystem::Xfs) => one.device == other.device,
        _ => false,
    }
}

/// What a directory takes there, at least, in bytes.
pub(super) fn directory(space: &FreeSpace) -> u64 {
    if space.kind == FileSystem::Ext { space.block } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_holds_nothing_has_no_space_for_a_byte() {
        let proc = FreeSpace::at("/proc".into()).unwrap();
        assert!(!holds(&proc, Need { bytes: 1, files: 0 }));
    }
}
