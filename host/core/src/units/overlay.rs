//! Overlays that NFS servers can export, each node's root one of them.

use crate::system::{
    FileError,
    mounts::{self, MountError, Table},
    tree_mounts,
};
use disklessset_plugin_api::PersistentOverlay;
use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

/// Options with which files are found again by handles, and those with several names stay one.
pub(crate) const EXPORTABLE: [&str; 2] = ["index=on", "nfs_export=on"];

/// As long as a tool that others run may have a copy of our mounts.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Whether the overlay is mounted at its place.
///
/// # Errors
/// When the table of mounts cannot be read.
pub(crate) fn stands(overlay: &PersistentOverlay) -> Result<bool, FileError> {
    Ok(stands_in(&Table::read()?, overlay))
}

/// The same by a table that was read for many.
pub(crate) fn stands_in(table: &Table, overlay: &PersistentOverlay) -> bool {
    let upper = format!("upperdir={}", overlay.upper);
    table.at(&overlay.target).is_some_and(|mount| mount.kind == "overlay" && has(mount, &upper))
}

fn has(mount: &mounts::Mount, option: &str) -> bool {
    mount.options.split(',').any(|found| found == option)
}

/// What came of mounting overlays in their order.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Of those that stand now, the first ones: whether it had to be mounted.
    pub mounted: Vec<bool>,
    /// Why there are no more: something else is mounted there, the file system cannot do it, or what the system refused. Nothing of
    /// that one stays mounted, nor of those that follow, unless they stood before.
    pub failed: Option<MountError>,
}

/// Mounts overlays, unless they stand, up to the first that cannot be mounted. The kernel's table is read twice, however many they are.
///
/// # Errors
/// When that cannot be read; then nothing is mounted that was not before.
pub(crate) fn mount_all(overlays: &[&PersistentOverlay]) -> Result<Outcome, FileError> {
    let before = Table::read()?;
    let mut outcome = Outcome { mounted: Vec::new(), failed: None };
    for overlay in overlays {
        let target = &overlay.target;
        if stands_in(&before, overlay) {
            outcome.mounted.push(false);
        } else if before.at(target).is_some() {
            outcome.failed = Some(MountError::Occupied { target: target.clone() });
            break;
        } else if let Err(error) = mount(overlay) {
            outcome.failed = Some(error);
            break;
        } else {
            outcome.mounted.push(true);
        }
    }
    if !outcome.mounted.contains(&true) {
        return Ok(outcome);
    }
    // Where a layer's file system cannot, the kernel mounts without and says so in its log only.
    let after = Table::read().inspect_err(|_| unmount_from(0, overlays, &outcome.mounted))?;
    let able = |overlay: &PersistentOverlay| {
        after.at(&overlay.target).is_some_and(|mount| EXPORTABLE.iter().all(|option| has(mount, option)))
    };
    let unable = (0..outcome.mounted.len()).find(|at| outcome.mounted[*at] && !able(overlays[*at]));
    if let Some(at) = unable {
        unmount_from(at, overlays, &outcome.mounted);
        outcome.mounted.truncate(at);
        outcome.failed = Some(not_exportable(overlays[at]));
    }
    Ok(outcome)
}

/// Unmounts those again that were mounted a moment ago, from one on. Used by nobody; the first error is the one to tell.
pub(crate) fn unmount_from(at: usize, overlays: &[&PersistentOverlay], mounted: &[bool]) {
    for (overlay, _) in overlays.iter().zip(mounted).skip(at).filter(|(_, mounted)| **mounted) {
        let _ = mounts::unmount(&overlay.target);
    }
}

fn not_exportable(overlay: &PersistentOverlay) -> MountError {
    let PersistentOverlay { lower, upper, target, .. } = overlay.clone();
    MountError::NotExportable { target, lower, upper }
}

/// Mounts one where nothing is mounted.
fn mount(overlay: &PersistentOverlay) -> Result<(), MountError> {
    let PersistentOverlay { lower, upper, work, target } = overlay;
    let begun = Instant::now();
    loop {
        let kind =
            match mounts::mount_overlay(lower, upper, work, target, &EXPORTABLE, tree_mounts::WITHOUT_POWERS)
            {
                Ok(()) => return Ok(()),
                Err(MountError::File(error)) => error,
                Err(other) => return Err(other),
            };
        match kind.kind() {
            // What can be no layer at all: another overlay, say.
            ErrorKind::InvalidInput => return Err(not_exportable(overlay)),
            ErrorKind::StaleNetworkFileHandle => {
                let (lower, upper) = (lower.clone(), upper.clone());
                return Err(MountError::OtherLower { target: target.clone(), lower, upper });
            }
            // Unmounted a moment ago, it lives on in the mounts of a program that was just running.
            ErrorKind::ResourceBusy if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            _ => return Err(kind.into()),
        }
    }
}
