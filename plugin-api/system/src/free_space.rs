//! What a file system has left, for messages before a long job runs out of it and for those afterwards.

use std::collections::HashSet;
use std::fmt;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::bytes::Bytes;
use crate::{FileError, file_system::FileSystem};

/// What a file system has and has left, for this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeSpace {
    /// The number by which the kernel tells file systems apart.
    pub device: u64,
    /// Its kind.
    pub kind: FileSystem,
    /// Bytes that can still be written, at most: some file systems keep a little for themselves.
    pub free: u64,
    /// Bytes it has in all.
    pub total: u64,
    /// Files that can still be made; nothing where it has no limit of its own.
    pub files: Option<u64>,
    /// Files it can hold in all.
    pub total_files: u64,
    /// Bytes of a block: files take whole ones.
    pub block: u64,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

impl FreeSpace {
    /// What is left at a place; where it is not there, what the nearest directory above it has left.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn at(path: &Utf8Path) -> Result<Self, FileError> {
        let there = nearest(path);
        let space = statvfs(there.as_std_path()).map_err(FileError::of("tell the free space at", there))?;
        let device = there.metadata().map_err(FileError::of("look at", there))?.dev();
        let kind = FileSystem::of(there)?;
        let blocks = match kind {
            // Root may use what is kept back for it, but not what the file system keeps for itself: a fiftieth, at most 4096.
            FileSystem::Ext if rustix::process::geteuid().is_root() => {
                space.f_bfree.saturating_sub((space.f_blocks / 50).min(4096))
            }
            _ => space.f_bavail,
        };
        Ok(Self {
            device,
            kind,
            free: blocks * space.f_frsize,
            total: space.f_blocks * space.f_frsize,
            files: (space.f_files > 0).then_some(space.f_ffree),
            total_files: space.f_files,
            block: space.f_frsize.max(1),
            read_only: space.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }

    /// Whether what is left is next to nothing.
    pub fn is_full(&self) -> bool {
        self.free < (self.total / 200).max(64 * 1024) || self.is_out_of_files()
    }

    /// Whether no file can be made any more, whatever bytes there are.
    pub fn is_out_of_files(&self) -> bool {
        self.files == Some(0)
    }
}

impl fmt::Display for FreeSpace {
    /// `0 of 96M`, as it reads before "free".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", Bytes(self.free), Bytes(self.total))
    }
}

/// The path, or the nearest directory above it that is there.
pub fn nearest(path: &Utf8Path) -> &Utf8Path {
    path.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(Utf8Path::new("."))
}

/// Bytes that the files of a directory take at the least in a copy: holes and further names of a file take nothing. No link is followed;
/// what cannot be read is not counted.
pub fn bytes_below(directory: &Utf8Path) -> u64 {
    let mut known = HashSet::new();
    let mut bytes = 0;
    let mut todo = vec![directory.to_owned()];
    while let Some(directory) = todo.pop() {
        let Ok(entries) = directory.read_dir_utf8() else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => todo.push(entry.into_path()),
                Ok(found) if found.is_file() && known.insert((found.dev(), found.ino())) => {
                    bytes += found.len().min(found.blocks() * 512);
                }
                _ => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_there_yet_has_the_space_of_the_directory_above() {
        let temp = tempfile::tempdir().unwrap();
        let above = Utf8Path::from_path(temp.path()).unwrap();
        let (here, there) = (FreeSpace::at(above).unwrap(), FreeSpace::at(&above.join("not/yet")).unwrap());
        assert!(here.free > 0 && here.free.abs_diff(there.free) < here.free / 2, "{here:?} {there:?}");
        assert_eq!((here.device, here.block, here.kind), (there.device, there.block, there.kind));
        let proc = FreeSpace::at("/proc/self".into()).unwrap();
        assert_eq!((proc.kind, proc.total), (FileSystem::Other, 0));
    }

    #[test]
    fn names_of_one_file_and_holes_take_nothing_more() {
        let temp = tempfile::tempdir().unwrap();
        let here = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::create_dir(here.join("below")).unwrap();
        std::fs::File::create(here.join("hole")).unwrap().set_len(1 << 30).unwrap();
        let mut file = std::fs::File::create(here.join("below/file")).unwrap();
        std::io::Write::write_all(&mut file, &[1; 50_000]).unwrap();
        file.sync_all().unwrap();
        std::fs::hard_link(here.join("below/file"), here.join("again")).unwrap();
        std::os::unix::fs::symlink("/", here.join("root")).unwrap();
        assert_eq!(bytes_below(here), 50_000);
    }
}
