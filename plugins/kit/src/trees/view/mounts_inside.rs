//! What is mounted inside a tree is no part of it, and neither is what it hides: in a view the place is empty, as in a copy.

use crate::{
    file_error,
    tree_files::{NewFile, TreeFiles},
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Host, Result};
use disklessset_system::{durable, mount_table};
use std::os::unix::fs::{MetadataExt, lchown};

/// How many are named.
const NAMED: usize = 5;

/// Empties each place of the view `target` where something is mounted in the tree `source`; it keeps the owner and mode that can be seen.
pub(super) fn leave_out(source: &Utf8Path, target: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let all = mount_table::mounts_below(source).map_err(file_error::into_api_error)?;
    let mut places: Vec<&Utf8Path> =
        all.iter().filter_map(|mount| mount.target.strip_prefix(source).ok()).collect();
    places.retain(|place| !place.as_str().is_empty());
    places.sort();
    places.dedup();
    // What is mounted in another of them is not there in the view.
    let outer = |place: &&Utf8Path| {
        let above = places.iter().filter(|other| *other != place);
        above.into_iter().all(|other| !place.starts_with(other))
    };
    let places: Vec<&Utf8Path> = places.iter().copied().filter(outer).collect();
    let files = TreeFiles::open(target)?;
    for place in &places {
        empty(&files, place, &source.join(place))?;
    }
    if !places.is_empty() {
        let more = places.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let named: Vec<&str> = places.iter().take(NAMED).map(|place| place.as_str()).collect();
        host.info(format!("{source}: what is mounted inside was left out: {}{more}", named.join(", ")));
    }
    Ok(())
}

fn empty(files: &TreeFiles, place: &Utf8Path, mounted: &Utf8Path) -> Result<()> {
    let fault =
        |cause| Error::failed(format!("cannot leave out what is mounted at {mounted}")).because(cause);
    let seen = mounted.symlink_metadata().map_err(fault)?;
    let (mode, uid, gid) = (seen.mode() & 0o7777, seen.uid(), seen.gid());
    if !seen.is_dir() {
        files.remove(place.as_str())?;
        return Ok(files.replace(place.as_str(), b"", NewFile { mode, uid, gid })?);
    }
    files.empty_directory(place.as_str())?;
    let inside = files.real_path(place.as_str())?;
    lchown(&inside, Some(uid), Some(gid)).map_err(fault)?;
    durable::set_mode(&inside, mode).map_err(file_error::into_api_error)
}
