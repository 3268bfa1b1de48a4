//! What a file has beside its content: owner, mode, extended attributes, times, flags.

use super::{Task, entry::CopiedName, lost::Lost};
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    fs::{
        AtFlags, FileType, Gid, IFlags, Mode, Statx, StatxAttributes, StatxFlags, Timespec, Timestamps, Uid,
        XattrFlags,
    },
    io::Errno,
};
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;

/// The most that the kernel lists, and the largest value it has.
const LARGEST: usize = 64 * 1024;
/// What is read at once.
const DATA: usize = 256 * 1024;
/// Flags that are kept; the others are hints of one file system to itself.
pub(super) const KEPT_FLAGS: IFlags = IFlags::IMMUTABLE.union(IFlags::APPEND);

/// Buffers of one thread.
pub(super) struct Scratch {
    names: Vec<u8>,
    value: Vec<u8>,
    pub(super) data: Vec<u8>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { names: vec![0; LARGEST], value: vec![0; LARGEST], data: vec![0; DATA] }
    }
}

/// A file and its copy, open.
pub(super) struct Pair<'f> {
    pub(super) source: BorrowedFd<'f>,
    pub(super) target: BorrowedFd<'f>,
}

/// An attribute that could not be set.
pub(super) struct Refused {
    pub(super) act: String,
    pub(super) cause: Errno,
}

fn refused(act: impl Into<String>) -> impl FnOnce(Errno) -> Refused {
    let act = act.into();
    move |cause| Refused { act, cause }
}

/// What files are like that we make: what need not be changed need not be set.
pub(super) struct New {
    owner: (u32, u32),
    /// Permission bits that the umask lets through.
    pub(super) allowed: Mode,
}

impl New {
    /// As a directory shows that was just made with mode 0777.
    pub(super) fn as_shown_by(directory: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        let stat = stat(directory, c"")?;
        let allowed = Mode::from_raw_mode(u32::from(stat.stx_mode) & 0o777);
        Ok(Self { owner: (stat.stx_uid, stat.stx_gid), allowed })
    }
}

/// Looks at an entry of a directory, no link followed; with an empty name at the open file itself.
pub(super) fn stat(at: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let flags = if name.is_empty() { flags | AtFlags::EMPTY_PATH } else { flags };
    rustix::fs::statx(at, name, flags, StatxFlags::BASIC_STATS)
}

pub(super) fn kind(stat: &Statx) -> FileType {
    FileType::from_raw_mode(u32::from(stat.stx_mode))
}

fn mode(stat: &Statx) -> Mode {
    Mode::from_raw_mode(u32::from(stat.stx_mode) & 0o7777)
}

fn times(stat: &Statx) -> Timestamps {
    let of =
        |time: &rustix::fs::StatxTimestamp| Timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec.into() };
    Timestamps { last_access: of(&stat.stx_atime), last_modification: of(&stat.stx_mtime) }
}

fn owner(stat: &Statx) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(stat.stx_uid)), Some(Gid::from_raw(stat.stx_gid)))
}

/// Gives an open file or directory all but its flags. `has` is the mode it was made with.
pub(super) fn give(
    task: &Task<'_>,
    on: &Pair<'_>,
    stat: &Statx,
    has: Mode,
    scratch: &mut Scratch,
    path: &dyn Fn() -> String,
) -> Result<(), Refused> {
    // A change of owner takes away set-id bits and capabilities, so that it comes first.
    if (stat.stx_uid, stat.stx_gid) != task.new.owner {
        let (uid, gid) = owner(stat);
        rustix::fs::fchown(on.target, uid, gid).map_err(refused("set the owner of"))?;
    }
    let list = rustix::fs::flistxattr(on.source, &mut scratch.names[..]);
    let Scratch { names, value, .. } = scratch;
    for name in listed(names, list)? {
        let value = rustix::fs::fgetxattr(on.source, name, &mut value[..])
            .map(|size| value.get(..size).unwrap_or_default())
            .map_err(|cause| attribute("read", name, cause))?;
        let set = rustix::fs::fsetxattr(on.target, name, value, XattrFlags::empty());
        judge(task, name, set, path)?;
    }
    if mode(stat) != has {
        rustix::fs::fchmod(on.target, mode(stat)).map_err(refused("set the mode of"))?;
    }
    rustix::fs::futimens(on.target, &times(stat)).map_err(refused("set the times of"))
}

/// The same for what must not be opened.
pub(super) fn give_by_name(
    task: &Task<'_>,
    place: &CopiedName<'_>,
    stat: &Statx,
    scratch: &mut Scratch,
    path: &dyn Fn() -> String,
) -> Result<(), Refused> {
    let (target, name) = (place.target, place.name);
    if (stat.stx_uid, stat.stx_gid) != task.new.owner {
        let (uid, gid) = owner(stat);
        rustix::fs::chownat(target, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(refused("set the owner of"))?;
    }
    let (from, to) = (magic(place.source, name), magic(target, name));
    let list = rustix::fs::llistxattr(from.as_c_str(), &mut scratch.names[..]);
    let Scratch { names, value, .. } = scratch;
    for attribute_name in listed(names, list)? {
        let value = rustix::fs::lgetxattr(from.as_c_str(), attribute_name, &mut value[..])
            .map(|size| value.get(..size).unwrap_or_default())
            .map_err(|cause| attribute("read", attribute_name, cause))?;
        let set = rustix::fs::lsetxattr(to.as_c_str(), attribute_name, value, XattrFlags::empty());
        judge(task, attribute_name, set, path)?;
    }
    if kind(stat) != FileType::Symlink {
        rustix::fs::chmodat(target, name, mode(stat), AtFlags::empty())
            .map_err(refused("set the mode of"))?;
    }
    rustix::fs::utimensat(target, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(refused("set the times of"))?;
    if !flags(stat).is_empty() {
        task.lost.add("immutable and append-only flags", path());
    }
    Ok(())
}

/// A name in an open directory, as a path that leads nowhere else: links in the last place are not followed by those who use it.
fn magic(directory: BorrowedFd<'_>, name: &CStr) -> CString {
    let mut path = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    // Neither part has a zero byte.
    CString::new(path).unwrap_or_default()
}

/// The names in what the kernel listed; none where the file system has no attributes.
fn listed(names: &[u8], list: rustix::io::Result<usize>) -> Result<impl Iterator<Item = &CStr>, Refused> {
    let size = match list {
        Ok(size) => size,
        Err(Errno::OPNOTSUPP) => 0,
        Err(cause) => return Err(Refused { act: "list the extended attributes of".to_owned(), cause }),
    };
    let names = names.get(..size).unwrap_or_default();
    Ok(names.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok()))
}

fn attribute(verb: &str, name: &CStr, cause: Errno) -> Refused {
    Refused { act: format!("{verb} the attribute {} of", name.to_string_lossy()), cause }
}

/// An attribute that says something of the file must be set. One that is a file system's own, another cannot hold.
fn judge(
    task: &Task<'_>,
    name: &CStr,
    set: rustix::io::Result<()>,
    path: &dyn Fn() -> String,
) -> Result<(), Refused> {
    let bytes = name.to_bytes();
    let of_the_file = ["user.", "trusted.", "security.", "system.posix_acl_"];
    match set {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::INVAL)
            if !of_the_file.iter().any(|start| bytes.starts_with(start.as_bytes())) =>
        {
            let name = OsStr::from_bytes(bytes).to_string_lossy();
            task.lost.add(&format!("the attribute {name}"), path());
            Ok(())
        }
        Err(cause) => Err(attribute("set", name, cause)),
    }
}

/// Those of the kept flags that a file has.
pub(super) fn flags(stat: &Statx) -> IFlags {
    let mut flags = IFlags::empty();
    let known = stat.stx_attributes & stat.stx_attributes_mask;
    flags.set(IFlags::IMMUTABLE, known.contains(StatxAttributes::IMMUTABLE));
    flags.set(IFlags::APPEND, known.contains(StatxAttributes::APPEND));
    flags
}

/// Sets the flags last: nothing can be done to the file after them.
pub(super) fn give_flags(
    lost: &Lost,
    target: BorrowedFd<'_>,
    stat: &Statx,
    path: &dyn Fn() -> String,
) -> rustix::io::Result<()> {
    match flags(stat) {
        none if none.is_empty() => Ok(()),
        flags => add_flags(lost, target, flags, path),
    }
}

pub(super) fn add_flags(
    lost: &Lost,
    target: BorrowedFd<'_>,
    flags: IFlags,
    path: &dyn Fn() -> String,
) -> rustix::io::Result<()> {
    let set =
        rustix::fs::ioctl_getflags(target).and_then(|has| rustix::fs::ioctl_setflags(target, has | flags));
    match set {
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::PERM) => {
            lost.add("immutable and append-only flags", path());
            Ok(())
        }
        other => other,
    }
}

/// What can be seen of a place that something is mounted on.
pub(super) fn give_owner_and_mode(
    target: BorrowedFd<'_>,
    name: &CStr,
    stat: &Statx,
) -> rustix::io::Result<()> {
    let (uid, gid) = owner(stat);
    rustix::fs::chownat(target, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    rustix::fs::chmodat(target, name, mode(stat), AtFlags::empty())
}
