//! The topmost directory of a view is that of its changes: it gets what the tree's own has.

use camino::Utf8Path;
use disklessset_system::durable;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Gid, Timespec, Timestamps, Uid, XattrFlags},
    io::Errno,
};
use std::{ffi::CStr, io};

/// The longest list of names, and the largest value.
const LARGEST: usize = 64 * 1024;

/// Owner, attributes, mode and times, in the order in which the one does not change the other.
pub(super) fn give_attributes(tree: &OwnedFd, upper: &Utf8Path) -> io::Result<()> {
    let stat = rustix::fs::fstat(tree)?;
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    rustix::fs::chownat(CWD, upper.as_std_path(), Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    let (mut names, mut value) = (vec![0; LARGEST], vec![0; LARGEST]);
    let listed = match rustix::fs::flistxattr(tree, &mut names[..]) {
        Err(Errno::OPNOTSUPP) => 0,
        listed => listed?,
    };
    let names = names.get(..listed).unwrap_or_default().split_inclusive(|byte| *byte == 0);
    for name in names.filter_map(|name| CStr::from_bytes_with_nul(name).ok()) {
        let size = rustix::fs::fgetxattr(tree, name, &mut value[..])?;
        let value = value.get(..size).unwrap_or_default();
        rustix::fs::lsetxattr(upper.as_std_path(), name, value, XattrFlags::empty())?;
    }
    durable::set_mode(upper, stat.st_mode & 0o7777).map_err(|error| error.source)?;
    let time = |seconds: i64, nanoseconds: u64| Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanoseconds).unwrap_or_default(),
    };
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    Ok(rustix::fs::utimensat(CWD, upper.as_std_path(), &times, AtFlags::SYMLINK_NOFOLLOW)?)
}
