//! What 1.x mounted in the work area of an image. It is on nobody's record: the name says where, the mount table what.
//!
//! 1.x mounts the file system of an image at `mnt`, and binds the server's own `/proc`, `/sys` and `/dev` there and, in its
//! SELinux step, in `generated_os`.

use super::undo;
use crate::{
    failure,
    system::{layout::Layout, mounts, tree_mounts},
};
use camino::Utf8Path;
use disklessset_plugin_api::{ImageName, Result};

/// Takes away all that 1.x mounted for an image; what others mounted there stays.
///
/// # Errors
/// When something is busy, or the mount table cannot be read.
pub(crate) fn unmount_all(layout: &Layout, name: &ImageName) -> Result<()> {
    let area = layout.image_workdir(name.as_str());
    // A link instead of the work area leads to somebody else's mounts.
    if !area.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    for entry in area.read_dir_utf8().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // Nobody wants what is in it any more, and it may not let itself be written.
            unmount_tree_by(entry.path(), mounts::unmount)?;
        }
    }
    Ok(())
}

/// Takes away what 1.x mounted into a tree of a work area, and the tree's own file system where it comes from a file: the edits are in that
/// file, and are read from there.
///
/// # Errors
/// As [`unmount_all`].
pub(crate) fn unmount_tree(tree: &Utf8Path) -> Result<()> {
    unmount_tree_by(tree, mounts::unmount_written)
}

fn unmount_tree_by(tree: &Utf8Path, unmount: fn(&Utf8Path) -> Result<(), mounts::MountError>) -> Result<()> {
    let told = |error: mounts::MountError| undo::UndoError::from(error).into_api_error();
    tree_mounts::unmount_system(tree).map_err(told)?;
    if is_at(tree)? { unmount(tree).map_err(told) } else { Ok(()) }
}

/// Whether the file system of an image is mounted at a directory. A directory of the server that somebody bound there is his.
///
/// # Errors
/// When the mount table cannot be read.
pub(crate) fn is_at(tree: &Utf8Path) -> Result<bool> {
    let whole = |mount: mounts::Mount| mount.source.starts_with("/dev/loop") && mount.subtree == "/";
    Ok(mounts::mount_at(tree).map_err(failure::of)?.is_some_and(whole))
}
