//! The system call `mount_setattr`, which rustix has not.
#![allow(unsafe_code)]

use rustix::io::{Errno, Result};
use std::{ffi::CString, io};

/// What is changed, in the numbers of `MOUNT_ATTR_*`.
pub(super) struct Attributes {
    pub(super) set: u64,
    pub(super) clear: u64,
    /// Whether the mounts below are changed, too.
    pub(super) recursive: bool,
}

/// Changes the attributes of the mount at a path (Linux 5.12; older kernels say `NOSYS`).
pub(super) fn mount_setattr(path: &str, wanted: Attributes) -> Result<()> {
    let path = CString::new(path).map_err(|_| Errno::INVAL)?;
    let attributes =
        libc::mount_attr { attr_set: wanted.set, attr_clr: wanted.clear, propagation: 0, userns_fd: 0 };
    let flags = if wanted.recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a C string and the structure the kernel's own, with its size; both outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
