//! The boot files on the disk: compared with what they must be, and brought to that.

use super::{BY_MAC, BY_NAME, ENTRY, POOLS, Wanted};
use crate::{
    Site, failure,
    system::{
        FileError,
        atomic_file::{self, Together},
        failpoint::failpoint,
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Result;
use std::collections::BTreeSet;

/// The most that is read of a boot file: no more than this is one of ours.
const MOST_BYTES: u64 = 1 << 20;
/// What each of ours begins with.
const OURS: &[u8] = b"#!ipxe\n# disklessset: ";

/// How the disk differs from what it must have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::nodes) struct BootFilesOnDisk {
    /// Files that are missing or have another text.
    pub(in crate::nodes) stale: BTreeSet<Utf8PathBuf>,
    /// Files of ours that nobody wants any more.
    pub(in crate::nodes) surplus: BTreeSet<Utf8PathBuf>,
    /// What a writer left that was killed.
    unfinished: BTreeSet<Utf8PathBuf>,
}

impl BootFilesOnDisk {
    /// Compares. Files that are not ours are left out: an administrator may have put them there.
    pub(in crate::nodes) fn compare(directory: &Utf8Path, wanted: &Wanted) -> Result<Self> {
        let mut found = Self::default();
        let mut there = BTreeSet::new();
        for below in ["", POOLS, BY_NAME, BY_MAC] {
            for file in names_in(&directory.join(below))? {
                let path = Utf8Path::new(below).join(&file);
                match () {
                    () if file.starts_with('.') && file.ends_with(".new") => {
                        found.unfinished.insert(path);
                    }
                    () if wanted.contains_key(&path) => {
                        there.insert(path);
                    }
                    () if file.ends_with(".ipxe") && is_ours(&directory.join(&path)) => {
                        found.surplus.insert(path);
                    }
                    () => {}
                }
            }
        }
        for (path, text) in wanted {
            let same = there.contains(path)
                && atomic_file::read_bounded(&directory.join(path), MOST_BYTES)
                    .is_ok_and(|bytes| bytes == text.as_bytes());
            if !same {
                found.stale.insert(path.clone());
            }
        }
        Ok(found)
    }
}

/// Writes what is missing or differs, then removes what nobody wants. A file is in its place before another one leads to it, and stays
/// until none does. The caller has the lock of the node file.
///
/// # Errors
/// When something cannot be read, written or removed.
pub(in crate::nodes) fn bring(site: &Site, wanted: &Wanted) -> Result<BootFilesOnDisk> {
    let directory = site.layout.boot_dir();
    for below in [POOLS, BY_NAME, BY_MAC] {
        site.make_reliable(&directory.join(below))?;
    }
    let found = BootFilesOnDisk::compare(&directory, wanted)?;
    let together = Together::default();
    let remove = |path: &Utf8PathBuf| {
        atomic_file::remove_file_together(&directory.join(path), &together).map_err(failure::of)
    };
    found.unfinished.iter().try_for_each(remove)?;
    for below in [POOLS, BY_NAME, BY_MAC, ""] {
        write(&directory, below, &found.stale, wanted, &together)?;
    }
    together.flush().map_err(failure::of)?;
    failpoint!("boot files: written", directory);
    let (pools, nodes): (Vec<_>, Vec<_>) =
        found.surplus.iter().partition(|path| path.parent() == Some(Utf8Path::new(POOLS)));
    nodes.into_iter().try_for_each(remove)?;
    pools.into_iter().try_for_each(remove)?;
    together.flush().map_err(failure::of)?;
    failpoint!("boot files: surplus gone", directory);
    Ok(found)
}

/// Writes the files of one directory with one flush.
fn write(
    directory: &Utf8Path,
    below: &str,
    stale: &BTreeSet<Utf8PathBuf>,
    wanted: &Wanted,
    together: &Together,
) -> Result<()> {
    let of = |path: &&Utf8PathBuf| path.parent().map(Utf8Path::as_str) == Some(below);
    let paths: Vec<(Utf8PathBuf, &str)> = stale
        .iter()
        .filter(of)
        .filter_map(|path| Some((directory.join(path), wanted.get(path)?.as_ref())))
        .collect();
    let files: Vec<(&Utf8Path, &[u8])> =
        paths.iter().map(|(path, text)| (path.as_path(), text.as_bytes())).collect();
    if files.is_empty() {
        return Ok(());
    }
    atomic_file::replace_together(&files, 0o644, together).map_err(failure::of)
}

fn names_in(directory: &Utf8Path) -> Result<Vec<String>> {
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(failure::of(FileError::of("read directory", directory)(cause))),
    };
    // A name that is no text is none of ours.
    Ok(entries.flatten().map(|entry| entry.file_name().to_owned()).collect())
}

fn is_ours(path: &Utf8Path) -> bool {
    atomic_file::read_bounded(path, MOST_BYTES).is_ok_and(|bytes| bytes.starts_with(OURS))
}

/// Whether a path is that of the entry, which every site has once it has nodes or pools.
pub(in crate::nodes) fn has_entry(site: &Site) -> bool {
    site.layout.boot_dir().join(ENTRY).symlink_metadata().is_ok()
}
