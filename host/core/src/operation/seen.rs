//! What can be seen of an effect, in the kernel's own table and in the files: whether it happened is told by that, and not by how its
//! maker ended. What was killed, stopped or failed may have happened all the same.

use super::undo::UndoError;
use crate::{
    installations::Effect,
    system::{layout::Layout, mounts},
    units,
};
use camino::Utf8Path;
use disklessset_plugin_api::Mount;

/// How things are at the place of an effect. Two looks that differ have its happening between them, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing of it can be seen at a place; looking again tells nothing.
    Nothing,
    /// Whether something has the name.
    Name(bool),
    /// The kernel's numbers of the mounts.
    Mounts(Vec<u64>),
    /// Whether it is mounted, and whether it is to be mounted again.
    Standing(bool, bool),
    /// The line of an export is put back as it was, whatever it is now.
    Line,
}

/// Looks where an effect would be: on the disk, in the table of mounts, in the exports.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn of(effect: &Effect, layout: &Layout) -> Result<Seen, UndoError> {
    Ok(match effect {
        Effect::Directory { path } | Effect::File { path } => Seen::Name(path.symlink_metadata().is_ok()),
        Effect::Mount { mount } => Seen::Mounts(of_mount(mount)?),
        Effect::PersistentOverlay { overlay } => {
            Seen::Standing(units::overlay::stands(overlay)?, units::is_there(layout, &overlay.target)?)
        }
        Effect::Export { .. } => Seen::Line,
        _ => Seen::Nothing,
    })
}

fn of_mount(mount: &Mount) -> Result<Vec<u64>, UndoError> {
    let ids = |found: Vec<mounts::Mount>| found.into_iter().map(|mount| mount.id).collect::<Vec<_>>();
    Ok(match mount {
        Mount::System { target } => {
            let mut all = Vec::new();
            for name in crate::system::tree_mounts::SYSTEM {
                all.extend(ids(mounts::mounts_below(&target.join(name))?));
            }
            all
        }
        other => ids(mounts::mounts_at(other.target())?),
    })
}

/// Removes what a maker may have left that failed after it had made a directory or a file: only one that is empty is its.
pub(crate) fn remove_empty(path: &Utf8Path) {
    let Ok(found) = path.symlink_metadata() else { return };
    // Best effort: the maker removes it by itself, and what is not empty is somebody else's.
    if found.is_dir() {
        let _ = std::fs::remove_dir(path);
    } else if found.is_file() && found.len() == 0 {
        let _ = std::fs::remove_file(path);
    }
}
