//! A writable view of a tree that belongs to somebody else, for classes that pack it.

use crate::{
    failure,
    installations::Effect,
    operation::Operation,
    system::{mounts, tree_mounts},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Hold, Mount, Result};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags},
};
use serde::Deserialize;

/// The service, by its name. Those of the API do not have it: a module asks for it by name.
pub(super) const MOUNT: &str = "mount_view_of_tree";

/// Which tree is shown where.
#[derive(Deserialize)]
pub(super) struct Wanted {
    /// The tree, anywhere.
    tree: Utf8PathBuf,
    /// Its device and inode, as whoever looked at it saw them.
    device: u64,
    inode: u64,
    /// Where changes go, an empty directory of this action.
    upper: Utf8PathBuf,
    /// An empty directory beside it.
    work: Utf8PathBuf,
    /// A directory of this action.
    target: Utf8PathBuf,
}

/// Mounts the view, on record first. It is gone when the action ends.
///
/// # Errors
/// When the tree is another one by now, a place is not of this action, or the mount fails.
pub(super) fn mount(operation: &Operation<'_>, wanted: Wanted) -> Result<()> {
    for place in [&wanted.upper, &wanted.work, &wanted.target] {
        operation.reading().must_be_ours(place)?;
        must_be_on_record(operation, place)?;
    }
    let tree = open(&wanted)?;
    let Wanted { tree: lower, upper, work, target, .. } = wanted;
    let mount = Mount::Overlay { lower, upper: upper.clone(), work: work.clone(), target: target.clone() };
    operation.acquire(Effect::Mount { mount }, Hold::Action, || {
        let view = mounts::View { tree: tree.as_fd(), upper: &upper, work: &work, target: &target };
        mounts::mount_view(&view, tree_mounts::WITHOUT_POWERS).map_err(failure::of)
    })
}

/// What is written into the view is to go with the action, however it ends.
fn must_be_on_record(operation: &Operation<'_>, place: &Utf8Path) -> Result<()> {
    if place.ancestors().any(|above| operation.on_record(above).is_some()) {
        return Ok(());
    }
    Err(Error::refused(format!("{place} does not lie in a directory of this action")))
}

fn open(wanted: &Wanted) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fault = |cause| Error::failed(format!("cannot open the tree {}", wanted.tree)).because(cause);
    let tree = rustix::fs::open(wanted.tree.as_std_path(), flags, Mode::empty()).map_err(fault)?;
    let found = rustix::fs::fstat(&tree).map_err(fault)?;
    if (found.st_dev, found.st_ino) != (wanted.device, wanted.inode) {
        return Err(Error::failed(format!("the directory {} was replaced by another", wanted.tree)));
    }
    Ok(tree)
}
