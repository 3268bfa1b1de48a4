//! Overlays that NFS servers can export, each node's root one of them.

use crate::system::{
    FileError,
    mounts::{self, MountError},
    tree_mounts,
};
use disklessset_plugin_api::StandingOverlay;
use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

/// Options with which files are found again by handles, and those with several names stay one.
pub const EXPORTABLE: [&str; 2] = ["index=on", "nfs_export=on"];

/// As long as a tool that others run may have a copy of our mounts.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Whether the overlay is mounted at its place.
///
/// # Errors
/// When the table of mounts cannot be read.
pub fn stands(overlay: &StandingOverlay) -> Result<bool, FileError> {
    let upper = format!("upperdir={}", overlay.upper);
    let there = mounts::mount_at(&overlay.target)?;
    Ok(there.is_some_and(|mount| mount.kind == "overlay" && has(&mount, &upper)))
}

fn has(mount: &mounts::Mount, option: &str) -> bool {
    mount.options.split(',').any(|found| found == option)
}

/// Mounts an overlay, unless it stands; tells whether it had to.
///
/// # Errors
/// When something else is mounted there, the file system cannot do it, and what the system refuses; nothing stays mounted then.
pub fn mount(overlay: &StandingOverlay) -> Result<bool, MountError> {
    if stands(overlay)? {
        return Ok(false);
    }
    let StandingOverlay { lower, upper, work, target } = overlay;
    if mounts::mount_at(target)?.is_some() {
        return Err(MountError::Occupied { target: target.clone() });
    }
    let not_exportable =
        || MountError::NotExportable { target: target.clone(), lower: lower.clone(), upper: upper.clone() };
    let begun = Instant::now();
    loop {
        let kind =
            match mounts::mount_overlay(lower, upper, work, target, &EXPORTABLE, tree_mounts::WITHOUT_POWERS)
            {
                Ok(()) => break,
                Err(MountError::File(error)) => error,
                Err(other) => return Err(other),
            };
        match kind.kind() {
            // What can be no layer at all: another overlay, say.
            ErrorKind::InvalidInput => return Err(not_exportable()),
            ErrorKind::StaleNetworkFileHandle => {
                let (lower, upper) = (lower.clone(), upper.clone());
                return Err(MountError::OtherLower { target: target.clone(), lower, upper });
            }
            // Unmounted a moment ago, it lives on in the mounts of a program that was just running.
            ErrorKind::ResourceBusy if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            _ => return Err(kind.into()),
        }
    }
    // Where a layer's file system cannot, the kernel mounts without and says so in its log only.
    let able = mounts::mount_at(target)?.is_some_and(|mount| EXPORTABLE.iter().all(|o| has(&mount, o)));
    if able {
        return Ok(true);
    }
    mounts::unmount(target)?;
    Err(not_exportable())
}
