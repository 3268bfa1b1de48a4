//! Gives files and directories other names.

use super::{parent_of, sync_dir};
use crate::{
    FileError,
    steps::{Step, passed},
};
use camino::Utf8Path;
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Renames durably, and only if nothing has the new name.
///
/// # Errors
/// `AlreadyExists` when something has the new name; else whatever the system refuses.
pub fn rename_noreplace(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let flags = RenameFlags::NOREPLACE;
    renameat_with(CWD, from.as_std_path(), CWD, to.as_std_path(), flags)
        .map_err(FileError::of("rename to", to))?;
    passed(Step::RenamedToNewName, &to);
    sync_both(from, to)
}

/// Renames durably; a file that has the new name is replaced, a directory that has it must be empty.
///
/// # Errors
/// Whatever the system refuses.
pub fn rename_replacing(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    std::fs::rename(from, to).map_err(FileError::of("rename to", to))?;
    passed(Step::RenamedOver, &to);
    sync_both(from, to)
}

fn sync_both(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    sync_dir(parent_of(to))?;
    if parent_of(from) == parent_of(to) { Ok(()) } else { sync_dir(parent_of(from)) }
}

/// Exchanges two directories, or two files, in one durable step.
///
/// # Errors
/// Whatever the system refuses; a file system without this kind of rename answers `InvalidInput`.
pub fn exchange(a: &Utf8Path, b: &Utf8Path) -> Result<(), FileError> {
    renameat_with(CWD, a.as_std_path(), CWD, b.as_std_path(), RenameFlags::EXCHANGE)
        .map_err(FileError::of("exchange", b))?;
    passed(Step::Exchanged, &b);
    for path in [a, b] {
        sync_dir(path.parent().unwrap_or(Utf8Path::new("/")))?;
    }
    Ok(())
}
