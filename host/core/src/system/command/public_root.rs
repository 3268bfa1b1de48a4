//! Shows a program of the server, which makes something that everybody may read, no file that not everybody may read.
//!
//! Such a program may work on what a stranger brought (dracut on the modules of a tree), and can be led to any file by a name with `..`.
//! What is nobody else's business is out of its sight then: all directories at the top but those of the system itself, and in these what
//! other users cannot read.

use std::fs::Metadata;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use disklessset_system::mounts::MountFlags;
use rustix::fs::{CWD, Mode, OFlags, open};

use super::isolation::{Public, StepError, step};
use super::made_up;
use super::places::{bind, magic, mount_on, open_directory};

/// Directories at the top that belong to the system: programs, libraries, settings, and what the kernel shows.
const OF_THE_SYSTEM: [&str; 10] =
    ["usr", "bin", "sbin", "lib", "lib32", "lib64", "etc", "dev", "proc", "sys"];
/// Those of them in which administrators keep files that are private.
const MAY_HAVE_SECRETS: [&str; 2] = ["/etc", "/usr/local"];
/// A place that is covered, and never what a link there leads to.
const PLACE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const SHARES: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Prepares this thread's private mount namespace.
pub(super) fn enter(plan: &Public) -> Result<(), StepError> {
    // What is named is shown again after all is covered.
    let shown = plan
        .shows
        .iter()
        .map(|path| {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let opened = open(path.as_str(), flags, Mode::empty());
            Ok((path, opened.map_err(step(format!("opening {path}")))?))
        })
        .collect::<Result<Vec<(&Utf8PathBuf, OwnedFd)>, StepError>>()?;
    for place in MAY_HAVE_SECRETS {
        cover_private(Path::new(place))?;
    }
    let root = open_directory(CWD, "/").map_err(step("opening /"))?;
    for entry in std::fs::read_dir("/").map_err(step("reading /"))? {
        let entry = entry.map_err(step("reading /"))?;
        let (name, path) = (entry.file_name(), entry.path());
        let is_of_the_system = name.to_str().is_some_and(|name| OF_THE_SYSTEM.contains(&name));
        match kind(&path)? {
            Some(found) if found.is_dir() && !is_of_the_system => cover_directory(&path)?,
            // A file to swap to, say.
            Some(found) if found.is_file() => cover_file(&path)?,
            // A link leads to something that is covered itself, or into the system.
            _ => {}
        }
    }
    made_up::mount_dev(&root, "", true)?;
    for (path, source) in shown {
        show(path, &source)?;
    }
    Ok(())
}

/// Shows something where it was, in the empty directory that covers its place.
fn show(path: &Utf8PathBuf, source: &OwnedFd) -> Result<(), StepError> {
    if path.symlink_metadata().is_err() {
        std::fs::create_dir_all(path).map_err(step(format!("making a place for {path}")))?;
    }
    let place = open_directory(CWD, path.as_str()).map_err(step(format!("showing {path}")))?;
    bind(&magic(source), &place, path.as_str())
}

/// Covers what others than its owner and group cannot read, in a directory and below. Links are not followed. What cannot be looked at
/// cannot be covered: then nothing is run.
fn cover_private(top: &Path) -> Result<(), StepError> {
    let mut todo: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(directory) = todo.pop() {
        let reading = || step(format!("reading {}", directory.display()));
        let entries = match std::fs::read_dir(&directory) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(reading())?,
        };
        for entry in entries {
            let path = entry.map_err(reading())?.path();
            match kind(&path)? {
                Some(found) if found.is_dir() && found.mode() & 0o005 == 0o005 => todo.push(path),
                Some(found) if found.is_dir() => cover_directory(&path)?,
                Some(found) if found.is_file() && found.mode() & 0o004 == 0 => cover_file(&path)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// What is at a place; nothing when somebody took it away meanwhile.
fn kind(path: &Path) -> Result<Option<Metadata>, StepError> {
    match path.symlink_metadata() {
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some).map_err(step(format!("looking at {}", path.display()))),
    }
}

fn cover_directory(path: &Path) -> Result<(), StepError> {
    let place = open(path, PLACE | OFlags::DIRECTORY, Mode::empty());
    mount_on(
        &place.map_err(step(format!("opening {}", path.display())))?,
        "tmpfs",
        SHARES,
        Some("mode=1777,size=50%"),
    )
}

fn cover_file(path: &Path) -> Result<(), StepError> {
    let place = open(path, PLACE, Mode::empty()).map_err(step(format!("opening {}", path.display())))?;
    bind("/dev/null", &place, &path.to_string_lossy())
}
