//! Deletes a tree and nothing but that tree.
//!
//! Everything goes by directory descriptors: no name is looked up twice, no link is followed, and neither a mount nor a
//! place outside the directories of disklessset can be reached, whoever changes what meanwhile.

mod error;
mod place;
mod unlink;
mod walk;
mod way;

pub use error::RemoveError;

use crate::{
    durable::Together,
    steps::{Step, passed},
};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::{
    fs::{AtFlags, Mode, OFlags, openat, statat},
    io::Errno,
};
use std::{ffi::CString, fs::File};
use walk::{Removal, is_directory};
use way::{open_parent, refuse_mounts};

/// What a removal removed. A btrfs subvolume goes as a whole: it counts as one directory, and its space comes back later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Everything that is no directory.
    pub files: u64,
    /// Directories, the topmost included.
    pub directories: u64,
    /// Space on disk that was given back: files with other names elsewhere count nothing.
    pub bytes: u64,
}

/// Removes whatever is at `path`: a whole directory tree, or a single file or link (never what it points to). Nothing
/// there is no error. `allowed` are the directories strictly below which removing is allowed. It goes on when a stop is asked for: half a
/// removal is worth less than none.
///
/// # Errors
/// See [`RemoveError`]; the messages say whether anything was deleted.
pub fn remove_tree(path: &Utf8Path, allowed: &[Utf8PathBuf]) -> Result<Removed, RemoveError> {
    remove(path, allowed, None)
}

/// The same, durable once the others are whose removal is flushed with it.
///
/// # Errors
/// As [`remove_tree`].
pub fn remove_tree_together(
    path: &Utf8Path,
    allowed: &[Utf8PathBuf],
    others: &Together,
) -> Result<Removed, RemoveError> {
    remove(path, allowed, Some(others))
}

fn remove(
    path: &Utf8Path,
    allowed: &[Utf8PathBuf],
    others: Option<&Together>,
) -> Result<Removed, RemoveError> {
    let Some((parent, name)) = open_parent(path, allowed)? else { return Ok(Removed::default()) };
    let mut walk = Removal { path, removed: Removed::default(), stack: Vec::new() };
    let stat = match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(Removed::default()),
        Err(error) => return Err(walk.refused(error)),
    };
    refuse_mounts(path, &parent, name)?;
    let name = CString::new(name).map_err(|_| walk.refused(Errno::INVAL))?;
    passed(Step::RemovalBegins, &path);
    if is_directory(&stat) {
        walk.tree(&parent, name)?;
    } else {
        walk.file(&parent, &name)?;
    }
    passed(Step::RemovalAllGone, &path);
    if let (Some(others), Some(directory)) = (others, path.parent()) {
        others.add(directory);
        return Ok(walk.removed);
    }
    // The next boot must not find it again.
    let directory = openat(&parent, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| walk.refused(error))?;
    File::from(directory).sync_all().map_err(|source| RemoveError::Refused {
        path: path.to_owned(),
        at: path.to_string(),
        source,
    })?;
    passed(Step::RemovalEnded, &path);
    Ok(walk.removed)
}

#[cfg(test)]
mod tests;
