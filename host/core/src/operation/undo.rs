//! Undoes what a journal has, from the journal alone.

use crate::{
    exports::{self, Check, ExportsError},
    failure,
    installations::{Effect, HeldEffect, Journal, JournalState},
    module_files,
    system::{
        FileError, detach_unfinished, files,
        flush::Together,
        layout::Layout,
        mounts::{self, MountError},
        remove_tree::{self, RemoveError},
        tree_mounts,
    },
    units::{self, UnitError},
    versions::Store,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, ErrorKind, Hold, Mount, PersistentOverlay};
use std::os::unix::fs::MetadataExt;

/// So many overlays go together: a stop is heard between two times.
pub(crate) const OVERLAYS_AT_A_TIME: usize = 64;

/// Why something could not be undone. What is left stays on record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UndoError {
    /// A mount stays.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// A file or directory stays.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// An export stays.
    #[error(transparent)]
    Export(#[from] ExportsError),
    /// A unit stays.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// The record itself cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A version stays.
    #[error(transparent)]
    Version(#[from] Error),
}

impl UndoError {
    /// The error of the API: a refusal where something of others is in the way, a failure where the system failed.
    pub(crate) fn into_api_error(self) -> Error {
        if let Self::Version(error) = self {
            return error;
        }
        let failed = matches!(
            &self,
            Self::File(_)
                | Self::Export(_)
                | Self::Unit(_)
                | Self::Mount(MountError::File(_) | MountError::Image { .. })
                | Self::Remove(RemoveError::File(_) | RemoveError::Refused { .. })
        );
        failure::with_kind(if failed { ErrorKind::FAILED } else { ErrorKind::REFUSED }, self)
    }
}

/// Which effects to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UndoScope {
    /// What is held for the length of an action that ended well.
    HeldForAction,
    /// All of an action that failed or was killed: everything that is not of an earlier one, which ended well.
    WholeAction,
    /// All there is.
    Everything,
}

impl UndoScope {
    /// Those that are undone after an interrupted action: one that had done what it was for is finished, any other taken back.
    pub(crate) fn of_interrupted(left: &JournalState) -> Self {
        if left.committed { Self::HeldForAction } else { Self::WholeAction }
    }
}

/// Undoes effects, newest first, each taken off the record when it is gone.
///
/// `kernel_in_use` tells of a kernel's version whether an image uses it: such a kernel stays, whoever brought it.
///
/// # Errors
/// The first that could not be undone; it and all older ones stay on record.
pub(crate) fn undo(
    journal: &mut Journal,
    layout: &Layout,
    scope: UndoScope,
    kernel_in_use: &dyn Fn(&str) -> bool,
) -> Result<(), UndoError> {
    undo_chosen(journal, scope, &Means { layout, kernel_in_use, others: None })
}

/// The same, durable once the others are whose removal is flushed with it. Only for what is on another record until then.
///
/// # Errors
/// As [`undo`].
pub(crate) fn undo_together(
    journal: &mut Journal,
    layout: &Layout,
    scope: UndoScope,
    kernel_in_use: &dyn Fn(&str) -> bool,
    others: &Together,
) -> Result<(), UndoError> {
    undo_chosen(journal, scope, &Means { layout, kernel_in_use, others: Some(others) })
}

/// What undoing takes.
struct Means<'a> {
    layout: &'a Layout,
    kernel_in_use: &'a dyn Fn(&str) -> bool,
    /// Whose removal is flushed with that of these.
    others: Option<&'a Together>,
}

impl Means<'_> {
    fn remove(&self, path: &Utf8Path) -> Result<(), UndoError> {
        match self.others {
            Some(others) => remove_together(path, self.layout, others),
            None => remove(path, self.layout),
        }
    }
}

fn undo_chosen(journal: &mut Journal, scope: UndoScope, means: &Means<'_>) -> Result<(), UndoError> {
    let chosen: Vec<HeldEffect> = journal
        .state()
        .open
        .iter()
        .rev()
        .filter(|open| match scope {
            UndoScope::HeldForAction => !open.from_earlier_action && open.hold == Hold::Action,
            UndoScope::WholeAction => !open.from_earlier_action,
            UndoScope::Everything => true,
        })
        // What was published by an action that ends well is what the action was for.
        .filter(|open| scope != UndoScope::HeldForAction || !open.effect.stays_when_committed())
        .cloned()
        .collect();
    let units = chosen.iter().any(|open| matches!(open.effect, Effect::PersistentOverlay { .. }));
    let undone = undo_each(journal, scope, means, chosen);
    if units {
        // A system that could not be told learns of it with the next change, or when it boots.
        units::reload(means.layout, &|_| {});
    }
    undone
}

fn undo_each(
    journal: &mut Journal,
    scope: UndoScope,
    means: &Means<'_>,
    chosen: Vec<HeldEffect>,
) -> Result<(), UndoError> {
    let chosen = end_exports(journal, means.layout, scope, chosen)?;
    let chosen = end_overlays(journal, means.layout, chosen)?;
    for open in chosen {
        // What waits for the commit of an action that has none.
        let spared = scope == UndoScope::WholeAction && open.effect.waits_for_commit();
        if !spared {
            undo_by(&open.to_undo(), means)?;
        }
        journal.undone(open.number);
    }
    Ok(())
}

/// Undoes what is about exports, for as many nodes as there are in one change of the file; gives back the others. Exports come last in
/// an action, so that they go first.
fn end_exports(
    journal: &mut Journal,
    layout: &Layout,
    scope: UndoScope,
    chosen: Vec<HeldEffect>,
) -> Result<Vec<HeldEffect>, UndoError> {
    let (mut lines, mut numbers, mut withdrawn, mut others) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for open in chosen {
        match open.to_undo() {
            // Newest first: what the oldest found there is what counts.
            Effect::Export { path, previous } => lines.push((path, previous)),
            Effect::UnexportOnCommit { path } if scope != UndoScope::WholeAction => {
                withdrawn.push(path.clone());
                lines.push((path, None));
            }
            Effect::UnexportOnCommit { .. } => {}
            _ => {
                others.push(open);
                continue;
            }
        }
        numbers.push(open.number);
    }
    if !lines.is_empty() {
        // The next change tells a server that could not be told of this one.
        exports::change(layout, &lines, Check::None, &|_| {})?;
    }
    journal.exports_undone(withdrawn.iter().map(|path| path.as_path()), &numbers);
    Ok(others)
}

/// Takes overlays away, for many nodes at a time; gives back the others. What they are made of is on record before them, and goes after them.
fn end_overlays(
    journal: &mut Journal,
    layout: &Layout,
    chosen: Vec<HeldEffect>,
) -> Result<Vec<HeldEffect>, UndoError> {
    let (standing, others): (Vec<HeldEffect>, Vec<HeldEffect>) =
        chosen.into_iter().partition(|open| matches!(open.effect, Effect::PersistentOverlay { .. }));
    for some in standing.chunks(OVERLAYS_AT_A_TIME) {
        let overlays = some.iter().filter_map(|open| match &open.effect {
            Effect::PersistentOverlay { overlay } => Some(overlay),
            _ => None,
        });
        let (down, outcome) = take_down(&overlays.collect::<Vec<_>>(), layout);
        let gone: Vec<u64> = some[..down].iter().map(|open| open.number).collect();
        journal.all_undone(&gone);
        outcome?;
    }
    Ok(others)
}

/// Undoes one effect. An effect that never happened, or is undone already, is fine.
///
/// # Errors
/// When something stays.
pub(crate) fn undo_effect(
    effect: &Effect,
    layout: &Layout,
    kernel_in_use: &dyn Fn(&str) -> bool,
) -> Result<(), UndoError> {
    undo_by(effect, &Means { layout, kernel_in_use, others: None })
}

fn undo_by(effect: &Effect, means: &Means<'_>) -> Result<(), UndoError> {
    let layout = means.layout;
    match effect {
        Effect::Directory { path }
        | Effect::File { path }
        | Effect::Trash { path }
        | Effect::DeleteOnCommit { path } => means.remove(path),
        Effect::Mount { mount } => unmount(mount),
        Effect::PersistentOverlay { overlay } => take_down(&[overlay], layout).1,
        Effect::SwapOnCommit { path, staging, inode } => swap(path, staging, *inode).map_err(UndoError::File),
        Effect::ModuleCopy { path } => module_files::remove_copy(path).map_err(UndoError::File),
        Effect::ModuleIn { path, staging, inode, record } => {
            module_files::put_in(layout, path, staging, *inode, record).map_err(UndoError::File)
        }
        Effect::ModuleOut { path, inode } => {
            module_files::take_out(layout, path, *inode).map_err(UndoError::File)
        }
        Effect::Export { path, previous } => {
            exports::change(layout, &[(path.clone(), previous.clone())], Check::None, &|_| {})?;
            Ok(())
        }
        Effect::UnexportOnCommit { path } => {
            exports::change(layout, &[(path.clone(), None)], Check::None, &|_| {})?;
            Ok(())
        }
        Effect::VersionMade { image, number } => Ok(Store::of(layout).take_back(image, *number)?),
        Effect::VersionWithdrawn { image, number, date } => {
            Ok(Store::of(layout).withdraw(image, *number, *date)?)
        }
        Effect::VersionsPruned { image, numbers } => Ok(Store::of(layout).remove(image, numbers)?),
        Effect::VersionsOf { image } if layout.image_dir(image).symlink_metadata().is_ok() => Ok(()),
        Effect::VersionsOf { image } => Ok(Store::of(layout).remove(image, &[])?),
        Effect::Published { kernel: Some(version), .. } if (means.kernel_in_use)(version) => Ok(()),
        Effect::Published { path, device, inode, .. } => {
            let ours = std::fs::symlink_metadata(path).is_ok_and(|m| (m.dev(), m.ino()) == (*device, *inode));
            if ours { means.remove(path) } else { Ok(()) }
        }
    }
}

/// Puts the next state of a directory in service, unless it is.
///
/// # Errors
/// When the two cannot be exchanged; the old state is then still in service.
pub(crate) fn swap(path: &Utf8Path, staging: &Utf8Path, inode: u64) -> Result<(), FileError> {
    let waits = std::fs::symlink_metadata(staging).is_ok_and(|found| found.ino() == inode);
    if waits { files::exchange(staging, path) } else { Ok(()) }
}

/// Removes a file or tree of ours; one that is not there is fine.
///
/// # Errors
/// When it lies outside of our directories, or something is mounted in it.
pub(crate) fn remove(path: &Utf8Path, layout: &Layout) -> Result<(), UndoError> {
    remove_tree::remove_tree(path, &layout.owned_roots())?;
    Ok(())
}

/// The same, durable once the others are whose removal is flushed with it.
///
/// # Errors
/// As [`remove`].
pub(crate) fn remove_together(path: &Utf8Path, layout: &Layout, others: &Together) -> Result<(), UndoError> {
    remove_tree::remove_tree_together(path, &layout.owned_roots(), others)?;
    Ok(())
}

/// Takes one of our mounts away, and nothing that others mounted inside it.
///
/// # Errors
/// When it is busy, or something else is mounted inside: both are named.
pub(crate) fn unmount(mount: &Mount) -> Result<(), UndoError> {
    match mount {
        Mount::System { target } => tree_mounts::unmount_system(target)?,
        other if mounts::mount_at(other.target())?.is_none() => {
            // A reboot, or a kill before the mount: nothing is there, but perhaps a device that was to be mounted.
            if let Mount::Image { file, .. } = other {
                detach_unfinished(file)?;
            }
        }
        Mount::Image { target, .. } => mounts::unmount_read_only(target)?,
        other => mounts::unmount(other.target())?,
    }
    Ok(())
}

/// Takes overlays away, and the units that would mount them again, up to the first that is busy: that keeps both. Gives back how many
/// are gone; the kernel's table is read once for all of them, and what is removed is flushed once.
///
/// # Errors
/// With fewer than all, why.
pub(crate) fn take_down(overlays: &[&PersistentOverlay], layout: &Layout) -> (usize, Result<(), UndoError>) {
    let table = match mounts::Table::read() {
        Ok(table) => table,
        Err(error) => return (0, Err(error.into())),
    };
    let mut outcome = Ok(());
    let mut down = 0;
    for overlay in overlays {
        if units::overlay::stands_in(&table, overlay)
            && let Err(error) = mounts::unmount(&overlay.target)
        {
            outcome = Err(error.into());
            break;
        }
        down += 1;
    }
    match units::take_all(layout, overlays[..down].iter().map(|overlay| overlay.target.as_path())) {
        Ok(()) => (down, outcome),
        Err(error) => (0, Err(error.into())),
    }
}
