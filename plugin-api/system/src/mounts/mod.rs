//! Makes and undoes mounts: on descriptors, so that no link that is put in a mount point's place is followed.

mod bind;
mod busy;
mod error;
mod flags;
mod image;
mod overlay;
mod setattr;
mod unmounting;
mod view;

pub use bind::{Submounts, bind};
pub use busy::{BusyProcess, processes_in};
pub use error::MountError;
pub use flags::{Depth, change};
pub use image::mount_loop;
pub use overlay::mount_overlay;
pub use rustix::mount::MountFlags;
pub use unmounting::{unmount, unmount_all_below, unmount_read_only, unmount_written};
pub use view::{View, mount_view};

use crate::FileError;
use camino::Utf8Path;
use rustix::{fs::OFlags, io::Errno, mount::mount};
use std::{ffi::CString, fs::File, os::unix::fs::OpenOptionsExt};

/// Whether what is shown may be changed from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Changes reach the original.
    ReadWrite,
    /// No changes.
    ReadOnly,
}

/// `mount(2)` of a file system. `source` is what it is called, or its device; `options` are its own, comma between them.
///
/// # Errors
/// What the system refuses; `INVAL` for options with a zero byte.
pub fn mount_file_system(
    source: &str,
    target: &str,
    kind: &str,
    flags: MountFlags,
    options: Option<&str>,
) -> rustix::io::Result<()> {
    let options = options.map(CString::new).transpose().map_err(|_| Errno::INVAL)?;
    mount(source, target, kind, flags, options.as_deref())
}

/// The mount point by descriptor, so that a link put in its place is not followed.
fn open_place(target: &Utf8Path) -> Result<File, FileError> {
    let file = File::options()
        .read(true)
        .custom_flags((OFlags::PATH | OFlags::NOFOLLOW).bits().cast_signed())
        .open(target)
        .map_err(FileError::of("mount", target))?;
    let metadata = file.metadata().map_err(FileError::of("inspect", target))?;
    if metadata.is_symlink() {
        return Err(FileError::of("mount", target)(Errno::LOOP));
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
