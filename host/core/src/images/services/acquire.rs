//! What a class acquires for its image: directories, files and mounts, on record first.

use crate::{
    failure,
    installations::Effect,
    operation::Operation,
    system::{atomic_file, command::Access, mounts, own_directory, tree_mounts},
};
use camino::Utf8Path;
use disklessset_plugin_api::{
    Error, Hold, Mount, Result,
    messages::{self, Acquired},
};

/// Makes a directory. Work areas hold trees in the making, and so do directories with names that no image has: those are closed to others.
fn make(operation: &Operation<'_>, path: &Utf8Path) -> Result<()> {
    let hidden = path.file_name().is_some_and(|name| name.starts_with('.'));
    let private = hidden || path.starts_with(operation.site().layout.workdir());
    atomic_file::create_dir(path, if private { 0o700 } else { 0o755 }).map_err(failure::of)
}

/// Acquires something for a class.
pub(super) fn acquire(operation: &Operation<'_>, request: messages::Acquire) -> Result<()> {
    let hold = request.hold;
    match request.what {
        Acquired::Directory { path } => {
            operation.reading().must_be_ours(&path)?;
            // Asking twice for the same directory is asking for it to be there, and for the longer hold.
            if let Some((_, effect @ Effect::Directory { .. }, held)) = operation.on_record(&path) {
                if path.symlink_metadata().is_err() {
                    // The line that says it is gone was lost, with a disk that was full.
                    let longer = if held == Hold::Image { held } else { hold };
                    return operation.acquire(effect, longer, || make(operation, &path));
                }
                if path.starts_with(operation.site().layout.workdir()) && path.is_dir() {
                    // Of an older version, perhaps.
                    own_directory::close(&path).map_err(failure::of)?;
                }
                return match (held, hold) {
                    (Hold::Action, Hold::Image) => operation.acquire(effect, hold, || Ok(())),
                    _ => Ok(()),
                };
            }
            must_be_new(operation, &path)?;
            prepare_tree_place(operation, &path)?;
            operation.acquire(Effect::Directory { path: path.clone() }, hold, || make(operation, &path))
        }
        Acquired::File { path } => {
            operation.reading().must_be_ours(&path)?;
            must_be_new(operation, &path)?;
            operation.acquire(Effect::File { path: path.clone() }, hold, || {
                atomic_file::create_new(&path, 0o600).map(drop).map_err(failure::of)
            })
        }
        Acquired::Mount { mount } => {
            operation.reading().must_be_ours(mount.target())?;
            operation.acquire(Effect::Mount { mount: mount.clone() }, hold, || {
                let done = match &mount {
                    Mount::Bind { source, target } => {
                        mounts::bind(source, target, Access::ReadWrite, mounts::Submounts::Leave)
                    }
                    Mount::Overlay { lower, upper, work, target } => {
                        mounts::mount_overlay(lower, upper, work, target, &[], tree_mounts::WITHOUT_POWERS)
                    }
                    Mount::Image { file, target } => tree_mounts::mount_image(file, target),
                    Mount::System { target } => tree_mounts::mount_system(target),
                };
                done.map_err(failure::of)
            })
        }
    }
}

/// The directories of NFS trees are made when the first one is.
fn prepare_tree_place(operation: &Operation<'_>, path: &Utf8Path) -> Result<()> {
    let layout = &operation.site().layout;
    let places = [layout.nfs_staging_dir(), layout.nfs_golden_dir()];
    match places.into_iter().find(|place| path.starts_with(place)) {
        Some(place) => operation.site().make_private(&place),
        None => Ok(()),
    }
}

fn must_be_new(operation: &Operation<'_>, path: &Utf8Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::refused(format!("{path} already exists and was not created by disklessset"))
            .hint(format!("look what it is; `disklessset clear {}` removes it", operation.subject())));
    }
    Ok(())
}
