//! Why a mount was not made or undone.

use super::BusyProcess;
use crate::FileError;
use camino::Utf8PathBuf;
use std::io;

/// Why a mount was not made or undone.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// Somebody uses it. Nothing was changed at this place.
    #[error("cannot unmount {target}: busy{}", reasons(.processes, .mounts))]
    Busy {
        /// The mount.
        target: Utf8PathBuf,
        /// Who uses it; empty when none could be found.
        processes: Vec<BusyProcess>,
        /// What is mounted below it.
        mounts: Vec<Utf8PathBuf>,
    },
    /// The path has a character that mount options cannot hold.
    #[error(
        "cannot mount {target}: the path {path} has {character:?} in it, which overlay mounts cannot have"
    )]
    UnusablePath {
        /// The mount.
        target: Utf8PathBuf,
        /// The path in its options.
        path: Utf8PathBuf,
        /// The character.
        character: char,
    },
    /// The file system mounts an overlay, but none that NFS servers can export.
    #[error(
        "cannot mount {target}: the file system of {upper}, or of {lower}, cannot be exported through an overlay"
    )]
    NotExportable {
        /// The mount.
        target: Utf8PathBuf,
        /// Its tree.
        lower: Utf8PathBuf,
        /// Where its changes go.
        upper: Utf8PathBuf,
    },
    /// The kernel knows from the upper layer which lower one it was written over, and this is another.
    #[error(
        "cannot mount {target}: {upper} was written over another tree than {lower}, of which that is a copy"
    )]
    OtherLower {
        /// The mount.
        target: Utf8PathBuf,
        /// Its tree.
        lower: Utf8PathBuf,
        /// Where its changes go.
        upper: Utf8PathBuf,
    },
    /// Something is mounted there already.
    #[error("cannot mount {target}: something else is mounted there")]
    Occupied {
        /// The place.
        target: Utf8PathBuf,
    },
    /// The kernel does not mount what is in a file.
    #[error(
        "cannot mount {image} at {target}: the kernel does not take it as {kind}, and its log (dmesg) may say why"
    )]
    Image {
        /// The file.
        image: Utf8PathBuf,
        /// The mount.
        target: Utf8PathBuf,
        /// The type of its file system.
        kind: String,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

fn reasons(processes: &[BusyProcess], mounts: &[Utf8PathBuf]) -> String {
    let processes = processes.iter().map(BusyProcess::to_string);
    let mounts = mounts.iter().map(|mount| format!("{mount} is mounted below it"));
    let all: Vec<String> = processes.chain(mounts).collect();
    match all.get(..5) {
        Some(first) if all.len() > 5 => format!(": {} and {} more", first.join(", "), all.len() - 5),
        _ if all.is_empty() => String::new(),
        _ => format!(": {}", all.join(", ")),
    }
}
