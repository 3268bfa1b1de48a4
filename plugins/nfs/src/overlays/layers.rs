//! The directories of an overlay: `upper`, whose root is the root of what the node sees, and `work`, the file system's own.

use crate::places;
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use rustix::{
    fs::{Gid, Mode, Timespec, Timestamps, Uid, XattrFlags},
    io::Errno,
};
use std::{ffi::CStr, fs::File, os::unix::fs::MetadataExt};

/// The largest list of names, and the largest value.
const LARGEST: usize = 64 * 1024;
/// Attributes by which overlays know their own layers.
const OF_OVERLAYS: &[u8] = b"trusted.overlay.";

/// Makes both below a new directory. To have them on disk is the caller's, for many at once.
pub(super) fn make(tree: &Utf8Path, directory: &Utf8Path) -> Result<()> {
    let (upper, work) = (directory.join("upper"), directory.join("work"));
    [directory, &upper, &work].into_iter().try_for_each(|path| places::make_directory(path, 0o700))?;
    give(tree, &upper).map_err(|cause| {
        Error::failed(format!("cannot make {upper} what {tree} is")).because(std::io::Error::from(cause))
    })
}

/// Gives a directory what another has: owner, extended attributes with access rules and label, mode, times.
fn give(from: &Utf8Path, to: &Utf8Path) -> rustix::io::Result<()> {
    let open =
        |path: &Utf8Path| File::open(path).map_err(|cause| Errno::from_io_error(&cause).unwrap_or(Errno::IO));
    let (from, to) = (open(from)?, open(to)?);
    let facts = from.metadata().map_err(|cause| Errno::from_io_error(&cause).unwrap_or(Errno::IO))?;
    rustix::fs::fchown(&to, Some(Uid::from_raw(facts.uid())), Some(Gid::from_raw(facts.gid())))?;
    for inherited in [c"system.posix_acl_default", c"system.posix_acl_access"] {
        // What the directory above gives to all new ones; mostly nothing, and mostly not supported.
        let _ = rustix::fs::fremovexattr(&to, inherited);
    }
    let (mut names, mut value) = (vec![0_u8; LARGEST], vec![0_u8; LARGEST]);
    let listed = match rustix::fs::flistxattr(&from, &mut names[..]) {
        Err(Errno::OPNOTSUPP) => 0,
        listed => listed?,
    };
    for name in names[..listed].split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        if name.to_bytes().starts_with(OF_OVERLAYS) {
            continue;
        }
        let size = rustix::fs::fgetxattr(&from, name, &mut value[..])?;
        rustix::fs::fsetxattr(&to, name, &value[..size], XattrFlags::empty())?;
    }
    rustix::fs::fchmod(&to, Mode::from_raw_mode(facts.mode() & 0o7777))?;
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    rustix::fs::futimens(
        &to,
        &Timestamps {
            last_access: time(facts.atime(), facts.atime_nsec()),
            last_modification: time(facts.mtime(), facts.mtime_nsec()),
        },
    )
}
