//! Permission bits.

use super::open_nofollow;
use crate::{
    FileError,
    steps::{Step, passed},
};
use camino::Utf8Path;
use std::{fs::Permissions, os::unix::fs::PermissionsExt};

/// Sets the permission bits of a file or directory of ours; never through a link.
///
/// # Errors
/// Whatever the system refuses.
pub fn set_mode(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    open_nofollow(path)?
        .set_permissions(Permissions::from_mode(mode))
        .map_err(FileError::of("set the mode of", path))?;
    passed(Step::ModeSet, &path);
    Ok(())
}
