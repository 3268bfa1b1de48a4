//! Snapshots of btrfs subvolumes, by btrfs-progs.

use super::{file_system_of, kind};
use crate::file_error;
use camino::Utf8Path;
use disklessset_plugin_api::{Command, Error, Host, Result};
use disklessset_system::{file_system::FileSystem, subvolume};

fn btrfs(words: [&str; 2], arguments: &[&Utf8Path]) -> Command {
    Command::new("btrfs").args(words).arg("--").args(arguments.iter().map(|path| path.as_str()))
}

/// Makes an empty subvolume; says whether it did. Where it cannot, any directory will do.
pub(super) fn make_subvolume(path: &Utf8Path, host: &Host<'_>) -> bool {
    let on_btrfs = path.parent().is_some_and(|parent| matches!(kind(parent), Ok(FileSystem::Btrfs)));
    if !on_btrfs {
        return false;
    }
    match host.run(&btrfs(["subvolume", "create"], &[path])) {
        Ok(_) => true,
        Err(error) => {
            let why = error.causes.last().unwrap_or(&error.message);
            host.info(format!(
                "{path} becomes a plain directory and no btrfs subvolume: there will be no snapshots of it ({why})"
            ));
            false
        }
    }
}

/// Whether a directory is a subvolume.
pub(super) fn is_subvolume(path: &Utf8Path) -> Result<bool> {
    subvolume::is_subvolume(path).map_err(file_error::into_api_error)
}

/// Why there can be no snapshot of `source` in the directory `beside`, as the end of a sentence; `None` when there can be.
pub(super) fn obstacle(source: &Utf8Path, beside: &Utf8Path, host: &Host<'_>) -> Result<Option<String>> {
    for path in [source, beside] {
        if kind(path)? != FileSystem::Btrfs {
            return Ok(Some(format!("{path} is not on btrfs but on {}", file_system_of(path))));
        }
    }
    if !is_subvolume(source)? {
        return Ok(Some(format!("{source} is a directory and no btrfs subvolume")));
    }
    // A snapshot has an empty directory where another subvolume is inside.
    let list = Command::new("btrfs").args(["subvolume", "list", "-o", "--", source.as_str()]).capture();
    let inside = match host.run(&list) {
        Ok(listed) => listed.stdout,
        Err(error) => {
            let why = error.causes.last().unwrap_or(&error.message);
            return Ok(Some(format!("the program btrfs of the package btrfs-progs does not work: {why}")));
        }
    };
    let mut inside = inside.lines().filter_map(|line| line.split_once(" path ")).map(|(_, path)| path);
    Ok(inside.next().map(|first| {
        let more = inside.count();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("a snapshot of {source} would not have the subvolumes inside it: {first}{more}")
    }))
}

/// Makes a snapshot that can be written to. It is on disk when this returns: the kernel commits it.
pub(super) fn make(source: &Utf8Path, target: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let fault = || format!("cannot make a snapshot of {source}");
    let parent = target.parent().unwrap_or(Utf8Path::new("."));
    if let Some(why) = obstacle(source, parent, host)? {
        return Err(Error::refused(fault()).because(why));
    }
    // Given a directory that is there, btrfs would make the snapshot inside it.
    if target.symlink_metadata().is_ok() {
        return Err(Error::refused(fault()).because(format!("{target} is there already")));
    }
    host.checkpoint()?;
    host.run(&btrfs(["subvolume", "snapshot"], &[source, target])).map_err(|error| error.context(fault()))?;
    Ok(())
}

/// Makes a snapshot and takes it away again; says why when it could not.
pub(super) fn attempt(source: &Utf8Path, at: &Utf8Path, host: &Host<'_>) -> Result<Option<String>> {
    match make(source, at, host) {
        Ok(()) => {
            host.run(&btrfs(["subvolume", "delete"], &[at]))?;
            Ok(None)
        }
        Err(error) if error.kind == disklessset_plugin_api::ErrorKind::INTERRUPTED => Err(error),
        Err(error) => Ok(Some(error.causes.last().unwrap_or(&error.message).clone())),
    }
}
