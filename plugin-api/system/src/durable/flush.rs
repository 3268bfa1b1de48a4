//! Has on disk what is about to be published, and what was removed: a rename that survives a power cut must not publish empty files, nor
//! may what goes off the record come back.

use super::{open_flags, open_nofollow};
use crate::{
    FileError,
    steps::{Step, passed},
};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::OFlags;
use std::{cell::RefCell, collections::BTreeSet, fs::File, os::unix::fs::OpenOptionsExt};

/// Up to so many files are flushed one by one: what others write to the same file system is not waited for. Beyond, all of the file
/// system costs a twentieth of that.
const FEW: usize = 64;
/// The same for small new files, of which each one is a write to the file system's journal.
const A_FEW_NEW: usize = 4;

/// Directories out of which something was removed, for one flush of each in the end: what many removals have in common is paid once.
#[derive(Debug, Default)]
pub struct Together(RefCell<BTreeSet<Utf8PathBuf>>);

impl Together {
    /// Something was removed here.
    pub fn add(&self, directory: &Utf8Path) {
        self.0.borrow_mut().insert(directory.to_owned());
    }

    /// Makes all of it durable.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn flush(&self) -> Result<(), FileError> {
        // One that was removed itself is durably gone with the one it was in.
        self.0.take().iter().filter(|directory| directory.is_dir()).try_for_each(|at| sync_dir(at))
    }
}

/// Flushes to disk what is about to be published: a file, or a directory with all that is in it. After a power cut none of it may be empty.
///
/// # Errors
/// Whatever the system refuses, a write that failed after it was asked for included.
pub fn sync_all_of(path: &Utf8Path) -> Result<(), FileError> {
    let kind = path.symlink_metadata().map_err(FileError::of("look at", path))?;
    if kind.is_dir() {
        sync_tree(path)?;
    } else if kind.is_file() {
        sync_path(path)?;
    }
    passed(Step::Flushed, &path);
    Ok(())
}

fn sync_tree(top: &Utf8Path) -> Result<(), FileError> {
    let mut parts = vec![top.to_owned()];
    below(top, &mut parts)?;
    if parts.len() > FEW {
        rustix::fs::syncfs(&open_nofollow(top)?).map_err(FileError::of("flush", top))?;
        // Before 5.8 that does not tell of writes that failed.
        if syncfs_tells() {
            return Ok(());
        }
    }
    // What a directory holds before itself.
    parts.iter().rev().try_for_each(|part| sync_path(part))
}

/// Flushes files of one directory: a few one by one, many with all of the file system.
///
/// # Errors
/// As [`sync_all_of`].
pub fn sync_files(files: &[&Utf8Path]) -> Result<(), FileError> {
    match files {
        [first, ..] if files.len() > A_FEW_NEW && syncfs_tells() => {
            rustix::fs::syncfs(&open_nofollow(first)?).map_err(FileError::of("flush", first))
        }
        _ => files.iter().try_for_each(|file| sync_path(file)),
    }
}

/// All directories and regular files below a directory, each after the one it is in; nothing is followed.
fn below(directory: &Utf8Path, parts: &mut Vec<Utf8PathBuf>) -> Result<(), FileError> {
    for entry in directory.read_dir_utf8().map_err(FileError::of("read directory", directory))? {
        let entry = entry.map_err(FileError::of("read directory", directory))?;
        let kind = entry.file_type().map_err(FileError::of("look at", entry.path()))?;
        if kind.is_dir() || kind.is_file() {
            parts.push(entry.path().to_owned());
        }
        if kind.is_dir() {
            below(entry.path(), parts)?;
        }
    }
    Ok(())
}

/// Whether this kernel's `syncfs` tells of writes that failed: 5.8 and later.
fn syncfs_tells() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(8))
}

/// Makes renames, creations and removals in a directory survive a power cut.
///
/// # Errors
/// Whatever the system refuses.
pub fn sync_dir(path: &Utf8Path) -> Result<(), FileError> {
    let directory = File::options()
        .read(true)
        .custom_flags(open_flags(OFlags::DIRECTORY))
        .open(path)
        .map_err(FileError::of("open directory", path))?;
    directory.sync_all().map_err(FileError::of("sync directory", path))?;
    passed(Step::DirectoryFlushed, &path);
    Ok(())
}

/// Flushes one file or directory to disk.
///
/// # Errors
/// Whatever the system refuses.
pub fn sync_path(path: &Utf8Path) -> Result<(), FileError> {
    open_nofollow(path)?.sync_all().map_err(FileError::of("flush", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::Place;

    #[test]
    fn all_of_a_tree_is_flushed_and_no_link_is_followed() {
        let place = Place::new();
        let tree = &place.path("");
        std::fs::create_dir(tree.join("sub")).unwrap();
        std::os::unix::fs::symlink("/nowhere", tree.join("link")).unwrap();
        for number in 0..=FEW {
            place.file(&format!("sub/{number}"), "x");
            sync_all_of(tree).unwrap();
        }
        let mut parts = vec![tree.to_owned()];
        below(tree, &mut parts).unwrap();
        assert_eq!(parts.len(), FEW + 3);
        assert_eq!(parts[1], tree.join("sub"));
        assert!(sync_all_of(&tree.join("gone")).unwrap_err().is_not_found());
    }
}
