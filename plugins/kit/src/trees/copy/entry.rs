//! Everything that is no directory.

use super::{
    Task,
    attributes::{self, Pair, Scratch, give_flags},
    copy_error::CopyError,
    data,
    links::LinkStep,
    walk::Node,
};
use disklessset_system::beneath;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, FileType, Mode, OFlags, Statx},
    io::Errno,
};
use std::{ffi::CStr, sync::atomic::Ordering};

/// A name in a directory of the source, and in the one of the target that becomes the same.
pub(super) struct CopiedName<'p> {
    pub(super) node: &'p Node,
    pub(super) name: &'p CStr,
    pub(super) source: BorrowedFd<'p>,
    pub(super) target: BorrowedFd<'p>,
}

impl CopiedName<'_> {
    pub(super) fn fault(&self, task: &Task<'_>, act: &str, cause: Errno) -> CopyError {
        CopyError::new(act, format!("{}/{}", task.source_path, self.node.path_of(self.name)), cause)
    }

    fn path(&self) -> String {
        self.node.path_of(self.name)
    }
}

/// The kind of an entry, looked up where the file system does not list it.
pub(super) fn kind(task: &Task<'_>, place: &CopiedName<'_>, listed: FileType) -> Result<FileType, CopyError> {
    if listed != FileType::Unknown {
        return Ok(listed);
    }
    let stat = attributes::stat(place.source, place.name);
    stat.map(|stat| attributes::kind(&stat)).map_err(|cause| place.fault(task, "look at", cause))
}

/// Opens inside a tree: no link is followed, no mount entered, no time of access changed.
pub(super) fn open(above: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match beneath::child(above, name, flags | OFlags::NOATIME) {
        // Only the owner and root may ask for that.
        Err(Errno::PERM) => beneath::child(above, name, flags),
        opened => opened,
    }
}

/// Copies an entry that is no directory.
pub(super) fn copy(
    task: &Task<'_>,
    place: &CopiedName<'_>,
    listed: FileType,
    scratch: &mut Scratch,
) -> Result<(), CopyError> {
    let fault = |act: &'static str| move |cause| place.fault(task, act, cause);
    let is_file = matches!(kind(task, place, listed)?, FileType::RegularFile);
    let opened = if is_file { Some(open(place.source, place.name, OFlags::RDONLY)) } else { None };
    let file = match opened {
        None => None,
        Some(Ok(file)) => Some(file),
        Some(Err(Errno::XDEV)) => return mount_point(task, place),
        Some(Err(cause)) => return Err(place.fault(task, "open", cause)),
    };
    let stat = match &file {
        Some(file) => attributes::stat(file.as_fd(), c""),
        None => attributes::stat(place.source, place.name),
    };
    let stat = stat.map_err(fault("look at"))?;
    if is_file != (attributes::kind(&stat) == FileType::RegularFile) {
        return Err(place.fault(task, "copy, because it changes meanwhile,", Errno::STALE));
    }
    task.entries.fetch_add(1, Ordering::Relaxed);
    if stat.stx_nlink < 2 {
        return make(task, place, file, &stat, scratch);
    }
    match task.links.turn(&stat, place, &task.queue).map_err(fault("make a hard link of"))? {
        LinkStep::Linked => Ok(()),
        LinkStep::First(turn) => {
            make(task, place, file, &stat, scratch)?;
            turn.made(place).map_err(fault("remember the hard link"))
        }
        LinkStep::Full(turn) => {
            task.lost.add("hard links, beyond what the file system allows,", place.path());
            make(task, place, file, &stat, scratch)?;
            turn.made(place).map_err(fault("remember the hard link"))
        }
        LinkStep::Stopped => Ok(()),
    }
}

fn make(
    task: &Task<'_>,
    place: &CopiedName<'_>,
    file: Option<OwnedFd>,
    stat: &Statx,
    scratch: &mut Scratch,
) -> Result<(), CopyError> {
    match file {
        Some(file) => regular(task, place, &file, stat, scratch),
        None => special(task, place, stat, scratch),
    }
}

fn regular(
    task: &Task<'_>,
    place: &CopiedName<'_>,
    source: &OwnedFd,
    stat: &Statx,
    scratch: &mut Scratch,
) -> Result<(), CopyError> {
    let fault = |act: &'static str| move |cause| place.fault(task, act, cause);
    let mode = Mode::from_raw_mode(u32::from(stat.stx_mode) & 0o777);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target =
        rustix::fs::openat(place.target, place.name, flags, mode).map_err(fault("make a copy of"))?;
    let shared = data::copy(task, source, &target, stat, scratch).map_err(fault("copy the content of"))?;
    if shared == data::Shared::No {
        task.lost.unshared(place.path());
    }
    let on = Pair { source: source.as_fd(), target: target.as_fd() };
    attributes::give(task, &on, stat, mode & task.new.allowed, scratch, &|| place.path())
        .map_err(|refused| place.fault(task, &refused.act, refused.cause))?;
    if stat.stx_nlink < 2 {
        give_flags(&task.lost, target.as_fd(), stat, &|| place.path()).map_err(fault("set the flags of"))?;
    }
    task.bytes.fetch_add(stat.stx_size, Ordering::Relaxed);
    Ok(())
}

/// Links, devices, FIFOs, sockets: they are worked on by name, opening them could wake somebody up.
fn special(
    task: &Task<'_>,
    place: &CopiedName<'_>,
    stat: &Statx,
    scratch: &mut Scratch,
) -> Result<(), CopyError> {
    let fault = |act: &'static str| move |cause| place.fault(task, act, cause);
    let (target, name) = (place.target, place.name);
    match attributes::kind(stat) {
        FileType::Symlink => {
            let to =
                rustix::fs::readlinkat(place.source, name, Vec::new()).map_err(fault("read the link"))?;
            rustix::fs::symlinkat(&to, target, name).map_err(fault("make a copy of"))?;
        }
        kind @ (FileType::CharacterDevice | FileType::BlockDevice | FileType::Fifo | FileType::Socket) => {
            let device = rustix::fs::makedev(stat.stx_rdev_major, stat.stx_rdev_minor);
            let mode = Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(target, name, kind, mode, device).map_err(fault("make a copy of"))?;
        }
        _ => return Err(place.fault(task, "copy, being of an unknown kind,", Errno::OPNOTSUPP)),
    }
    attributes::give_by_name(task, place, stat, scratch, &|| place.path())
        .map_err(|refused| place.fault(task, &refused.act, refused.cause))
}

/// A file with another mounted over it, such as a bound `resolv.conf`: the copy has an empty one to mount over.
fn mount_point(task: &Task<'_>, place: &CopiedName<'_>) -> Result<(), CopyError> {
    let fault = |cause| place.fault(task, "copy the mount point", cause);
    let stat = attributes::stat(place.source, place.name).map_err(fault)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(place.target, place.name, flags, Mode::from_raw_mode(0o600)).map_err(fault)?;
    attributes::give_owner_and_mode(place.target, place.name, &stat).map_err(fault)?;
    task.lost.mount(place.path());
    task.entries.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Takes a name away.
pub(super) fn unlink(directory: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<()> {
    rustix::fs::unlinkat(directory, name, AtFlags::empty())
}
