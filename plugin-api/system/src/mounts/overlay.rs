//! Mounts writable layers over trees.

use super::{MountError, MountFlags, mount_file_system, open_place, unmount_all_below};
use crate::{
    FileError,
    beneath::own_path,
    steps::{Step, passed},
};
use camino::Utf8Path;
use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    mount::{MountPropagationFlags, mount_change},
};
use std::io;

/// Mounts a writable layer over a tree. `upper` and `work` are empty directories of one file system; `more` are further options,
/// `flags` those of every mount.
///
/// # Errors
/// Paths that mount options cannot hold, and what the system refuses.
pub fn mount_overlay(
    lower: &Utf8Path,
    upper: &Utf8Path,
    work: &Utf8Path,
    target: &Utf8Path,
    more: &[&str],
    flags: MountFlags,
) -> Result<(), MountError> {
    for path in [lower, upper, work] {
        if let Some(character) = path.as_str().chars().find(|c| matches!(c, ':' | ',' | '\\')) {
            let (target, path) = (target.to_owned(), path.to_owned());
            return Err(MountError::UnusablePath { target, path, character });
        }
    }
    let layers = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let options = [&[layers.as_str()], more].concat().join(",");
    let place = open_place(target)?;
    mount_file_system("overlay", &own_path(&place), "overlay", flags, Some(&options))
        .map_err(FileError::of("mount", target))?;
    finish(target, work)
}

/// Cuts a new overlay off from others, as with bind, and looks whether it is what was asked for; it is unmounted where not.
pub(super) fn finish(target: &Utf8Path, work: &Utf8Path) -> Result<(), MountError> {
    passed(Step::OverlayShared, &target);
    let finished = mount_change(target.as_str(), MountPropagationFlags::PRIVATE)
        .map_err(FileError::of("mount", target))
        .and_then(|()| must_be_writable(target, work));
    passed(Step::OverlayFinished, &target);
    finished.map_err(|error| {
        // Made a moment ago and used by nobody; the first error is the one to tell.
        let _ = unmount_all_below(target);
        error.into()
    })
}

/// Where the kernel cannot make its directory in `work`, for want of room perhaps, it mounts an overlay that cannot be written to, and
/// says so to nobody.
fn must_be_writable(target: &Utf8Path, work: &Utf8Path) -> Result<(), FileError> {
    let space = statvfs(target.as_std_path()).map_err(FileError::of("look at", target))?;
    if !space.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(());
    }
    // Tried again, it says why.
    let own = work.join("work");
    let _ = std::fs::remove_dir(&own);
    let made = std::fs::create_dir(&own);
    let cause = made.err().unwrap_or_else(|| io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
    Err(FileError::of("make a writable overlay with", work)(cause))
}
