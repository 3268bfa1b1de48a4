//! Opens and mounts on places of a tree that is a stranger's: step by step, no link followed, each mount made on an open descriptor.

use std::fs::{File, Permissions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::Utf8Path;
use disklessset_system::mounts::{MountFlags, mount_file_system};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, StatVfsMountFlags, fstatvfs, mkdirat, openat};
use rustix::io::Errno;
use rustix::mount::{mount_bind_recursive, mount_remount};

use super::isolation::{StepError, step};

/// Binds a directory onto itself with what is mounted below, and opens it through the new mount.
pub(super) fn bind_on_itself(path: &Utf8Path) -> Result<OwnedFd, StepError> {
    let failed = |act: &str| format!("{act} {path}");
    let before = open_directory(CWD, path.as_str()).map_err(step(failed("opening")))?;
    let place = magic(&before);
    mount_bind_recursive(&*place, &*place).map_err(step(failed("binding")))?;
    // The old descriptor is below the new mount: open anew.
    open_directory(CWD, path.as_str()).map_err(step(failed("opening")))
}

/// Opens a directory of the tree without following a link; makes it when it is missing, as an OS needs it anyway.
pub(super) fn directory(parent: &OwnedFd, tree: &str, name: &str, mode: u32) -> Result<OwnedFd, StepError> {
    let opened = match open_directory(parent, name) {
        Err(Errno::NOENT) => {
            mkdirat(parent, name, Mode::from_raw_mode(mode))
                .map_err(step(format!("making {tree}/{name}")))?;
            set_mode(parent, name, mode)?;
            open_directory(parent, name)
        }
        other => other,
    };
    opened.map_err(|error| match error {
        Errno::LOOP | Errno::NOTDIR => StepError {
            step: format!("{tree}/{name} is not a directory (a link there could lead anywhere)"),
            source: error.into(),
        },
        other => StepError { step: format!("opening {tree}/{name}"), source: other.into() },
    })
}

pub(super) fn open_directory(parent: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, path, flags, Mode::empty())
}

/// The path that means exactly this open file, whatever its name leads to now.
pub(super) fn magic(fd: &OwnedFd) -> String {
    disklessset_system::beneath::own_path(fd)
}

pub(super) fn mount_on(
    target: &OwnedFd,
    kind: &str,
    flags: MountFlags,
    data: Option<&str>,
) -> Result<(), StepError> {
    mount_file_system(kind, &magic(target), kind, flags, data)
        .map_err(step(format!("mounting {kind} in the tree")))
}

pub(super) fn make_read_only(target: &OwnedFd, name: &str) -> Result<(), StepError> {
    let flags = fstatvfs(target).map_err(step(format!("inspecting {name}")))?.f_flag;
    // A remount sets all flags of a mount, so those it has are repeated.
    let mut keep = MountFlags::BIND | MountFlags::RDONLY;
    for (has, flag) in [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
    ] {
        if flags.contains(has) {
            keep |= flag;
        }
    }
    mount_remount(magic(target), keep, "").map_err(step(format!("making {name} read-only")))
}

/// The umask took bits from a creation. The name is one that has just been made.
pub(super) fn set_mode(parent: &OwnedFd, name: &str, mode: u32) -> Result<(), StepError> {
    std::fs::set_permissions(format!("{}/{name}", magic(parent)), Permissions::from_mode(mode))
        .map_err(step(format!("setting the mode of {name}")))
}

pub(super) fn create_file(parent: &OwnedFd, name: &str) -> Result<OwnedFd, StepError> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(format!("{}/{name}", magic(parent)))
        .map_err(step(format!("making {name} in the tree")))?;
    Ok(file.into())
}

pub(super) fn bind(source: &str, target: &OwnedFd, name: &str) -> Result<(), StepError> {
    mount_bind_recursive(source, magic(target)).map_err(step(format!("showing {name} in the tree")))
}

pub(super) fn kind_of(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}
