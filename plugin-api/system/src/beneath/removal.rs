//! Removes what is inside an open directory: no link is followed and nothing that is mounted is entered. For trees that are private to who
//! removes, and no deeper than an operating system is; any other goes with [`crate::remove_tree`].

use super::child;
use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{AtFlags, Dir, FileType, OFlags, statat, unlinkat},
    io::{Errno, Result},
};
use std::ffi::{CStr, CString};

/// Directories in each other, as deep as an operating system never has them: each takes an open file while it is emptied.
const DEEPEST: usize = 400;

/// What is left of a directory that is emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing of it.
    Nothing,
    /// The directories in it, with owner and mode.
    Directories,
}

/// Removes whatever is there of this name, with all below it; nothing there is fine.
///
/// # Errors
/// `XDEV` when something is mounted inside, `NAMETOOLONG` for directories too deep in each other, and what the system refuses. What was
/// removed by then is gone.
pub fn remove(directory: impl AsFd, name: &CStr) -> Result<()> {
    let directory = directory.as_fd();
    match unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => remove_directory(directory, name, DEEPEST),
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}

/// Removes all that is in a directory.
///
/// # Errors
/// As [`remove`].
pub fn empty(directory: impl AsFd, keep: Keep) -> Result<()> {
    empty_at(directory.as_fd(), keep, DEEPEST)
}

fn remove_directory(directory: BorrowedFd<'_>, name: &CStr, deeper: usize) -> Result<()> {
    empty_below(directory, name, Keep::Nothing, deeper)?;
    unlinkat(directory, name, AtFlags::REMOVEDIR)
}

fn empty_below(directory: BorrowedFd<'_>, name: &CStr, keep: Keep, deeper: usize) -> Result<()> {
    let inside = child(directory, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)?;
    empty_at(inside.as_fd(), keep, deeper.checked_sub(1).ok_or(Errno::NAMETOOLONG)?)
}

fn empty_at(directory: BorrowedFd<'_>, keep: Keep, deeper: usize) -> Result<()> {
    for (name, kind) in entries(directory)? {
        match (kind, keep) {
            (FileType::Directory, Keep::Nothing) => remove_directory(directory, &name, deeper)?,
            (FileType::Directory, Keep::Directories) => empty_below(directory, &name, keep, deeper)?,
            _ => unlinkat(directory, &name, AtFlags::empty())?,
        }
    }
    Ok(())
}

/// What is in a directory, with the kind of each.
///
/// # Errors
/// What the system refuses.
pub(crate) fn entries(directory: BorrowedFd<'_>) -> Result<Vec<(CString, FileType)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if entry.file_name() == c"." || entry.file_name() == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            known => known,
        };
        found.push((entry.file_name().to_owned(), kind));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::Place;
    use rustix::fs::{Mode, mkdirat, openat};
    use std::{fs::File, os::unix::fs::symlink};

    #[test]
    fn what_is_inside_goes_and_what_links_lead_to_stays() {
        let place = Place::new();
        place.dir("precious", 0o755);
        place.file("precious/canary", "");
        place.dir("tree", 0o755);
        place.dir("tree/sub", 0o755);
        place.file("tree/sub/file", "");
        symlink(place.path("precious"), place.path("tree/sub/link")).unwrap();
        let tree = File::open(place.path("tree")).unwrap();
        empty(&tree, Keep::Directories).unwrap();
        assert_eq!(place.path("tree/sub").read_dir().unwrap().count(), 0);
        remove(&tree, c"sub").unwrap();
        remove(&tree, c"sub").unwrap();
        assert!(place.path("precious/canary").exists() && !place.path("tree/sub").exists());
    }

    #[test]
    fn a_tree_that_is_too_deep_is_an_error_and_no_crash() {
        let place = Place::new();
        place.dir("tree", 0o755);
        let tree = File::open(place.path("tree")).unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let mut here = openat(&tree, ".", flags, Mode::empty()).unwrap();
        for _ in 0..=DEEPEST {
            mkdirat(&here, "d", Mode::RWXU).unwrap();
            here = openat(&here, "d", flags, Mode::empty()).unwrap();
        }
        drop(here);
        assert_eq!(remove(&tree, c"d"), Err(Errno::NAMETOOLONG));
    }
}
