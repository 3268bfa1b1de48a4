//! Shows a program of the server, which makes something that everybody may read, no file that not everybody may read.
//!
//! Such a program may work on what a stranger brought (dracut on the modules of a tree), and can be led to any file by a name with `..`.
//! What is nobody else's business is out of its sight then: all directories at the top but those of the system itself, and in these what
//! other users cannot read.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::mount::MsFlags;
use nix::sys::stat::Mode;

use super::isolation::{Public, StepError, step};
use super::made_up;
use super::places::{bind, magic, mount_on, open_directory};

/// Directories at the top that belong to the system: programs, libraries, settings, and what the kernel shows.
const OF_THE_SYSTEM: [&str; 10] =
    ["usr", "bin", "sbin", "lib", "lib32", "lib64", "etc", "dev", "proc", "sys"];
/// Those of them in which administrators keep files that are private.
const MAY_HAVE_SECRETS: [&str; 2] = ["/etc", "/usr/local"];
const SHARES: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);

/// Prepares this thread's private mount namespace.
pub(super) fn enter(plan: &Public) -> Result<(), StepError> {
    // What is named is shown again after all is covered.
    let shown = plan
        .shows
        .iter()
        .map(|path| {
            let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
            let opened = open(path.as_str(), flags, Mode::empty());
            Ok((path, opened.map_err(step(format!("opening {path}")))?))
        })
        .collect::<Result<Vec<(&Utf8PathBuf, OwnedFd)>, StepError>>()?;
    for place in MAY_HAVE_SECRETS {
        cover_private(Path::new(place))?;
    }
    let root = open_directory(libc::AT_FDCWD, "/").map_err(step("opening /"))?;
    for entry in std::fs::read_dir("/").map_err(step("reading /"))?.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !OF_THE_SYSTEM.contains(name)) else { continue };
        // A link leads to something that is covered itself, or into the system.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let place = open_directory(root.as_raw_fd(), name).map_err(step(format!("opening /{name}")))?;
            mount_on(&place, "tmpfs", SHARES, Some("mode=1777,size=50%"))?;
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
    let place = open_directory(libc::AT_FDCWD, path.as_str()).map_err(step(format!("showing {path}")))?;
    bind(&magic(source), &place, path.as_str())
}

/// Covers what others than its owner and group cannot read. Links are not followed.
fn cover_private(top: &Path) -> Result<(), StepError> {
    let mut todo: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(directory) = todo.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let (path, Ok(found)) = (entry.path(), entry.metadata()) else { continue };
            let (mode, name) = (found.permissions().mode(), path.to_string_lossy().into_owned());
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            if found.is_dir() && mode & 0o005 == 0o005 {
                todo.push(path);
            } else if found.is_dir() {
                let place = open(&path, flags | OFlag::O_DIRECTORY, Mode::empty());
                let place = place.map_err(step(format!("opening {name}")))?;
                mount_on(&place, "tmpfs", SHARES, Some("mode=0755,size=1m"))?;
            } else if found.is_file() && mode & 0o004 == 0 {
                let place = open(&path, flags, Mode::empty()).map_err(step(format!("opening {name}")))?;
                bind("/dev/null", &place, &name)?;
            }
        }
    }
    Ok(())
}
