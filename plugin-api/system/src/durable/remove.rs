//! Removes single files.

use super::{Together, sync_dir};
use crate::{
    FileError,
    steps::{Step, passed},
};
use camino::Utf8Path;
use std::{fs, io};

/// Removes a file durably; one that is not there is fine.
///
/// # Errors
/// Whatever the system refuses.
pub fn remove_file(path: &Utf8Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(FileError::of("remove", path)(cause)),
        Ok(()) => {
            passed(Step::FileRemoved, &path);
            sync_dir(path.parent().unwrap_or(Utf8Path::new("/")))
        }
    }
}

/// Removes a file, durably once the others are whose removal is flushed with it; one that is not there is fine.
///
/// # Errors
/// Whatever the system refuses.
pub fn remove_file_together(path: &Utf8Path, others: &Together) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(FileError::of("remove", path))?,
    }
    passed(Step::FileRemoved, &path);
    others.add(path.parent().unwrap_or(Utf8Path::new("/")));
    Ok(())
}
