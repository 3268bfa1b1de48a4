//! btrfs subvolumes, as far as removing them needs it: a whole tree goes in one call, its files need not be visited.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::stat::Mode;

use crate::system::syscalls;

/// The longest name in the kernel's argument, its closing zero included.
const NAME_ROOM: usize = 4088;
const READ_ONLY: u64 = 1 << 1;

/// The kernel's `btrfs_ioctl_vol_args`.
#[repr(C)]
pub(super) struct NamedVolume {
    fd: i64,
    name: [libc::c_char; NAME_ROOM],
}

nix::ioctl_write_ptr!(btrfs_ioc_snap_destroy, 0x94, 15, NamedVolume);
nix::ioctl_read!(btrfs_ioc_subvol_getflags, 0x94, 25, u64);
nix::ioctl_write_ptr!(btrfs_ioc_subvol_setflags, 0x94, 26, u64);

/// Destroys the subvolume `name` in a directory with all its files, whatever their flags are and whether it is read-only. `open` is the
/// subvolume itself, for what must be changed before. The caller has seen to it that nothing is mounted inside.
///
/// # Errors
/// `ENOTEMPTY` when other subvolumes are inside; `EPERM` when the user may not, or the file system begins with it.
pub(in crate::system) fn destroy(parent: &OwnedFd, name: &CStr, open: &OwnedFd) -> nix::Result<()> {
    let mut volume = NamedVolume { fd: 0, name: [0; NAME_ROOM] };
    let bytes = name.to_bytes();
    if bytes.len() >= NAME_ROOM {
        return Err(Errno::ENAMETOOLONG);
    }
    for (to, from) in volume.name.iter_mut().zip(bytes) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    // The descriptor of the parent may be one that only stands for a path.
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let parent = openat(parent, ".", flags, Mode::empty())?;
    // SAFETY: the descriptor is open through the call, and the kernel reads one NamedVolume, whose layout is its own.
    let attempt = || unsafe { btrfs_ioc_snap_destroy(parent.as_raw_fd(), &raw const volume) }.map(drop);
    match attempt() {
        // An immutable topmost directory is the only thing inside that counts.
        Err(Errno::EPERM) if syscalls::clear_unchangeable(open.as_fd()).unwrap_or(false) => attempt(),
        outcome => outcome,
    }
}

/// Lets the inside of a subvolume be changed that was made read-only.
pub(in crate::system) fn make_writable(open: &OwnedFd) -> nix::Result<()> {
    let fd = open.as_raw_fd();
    let mut flags = 0_u64;
    // SAFETY: both calls get an open descriptor and a number that lives through them; the kernel reads or writes at most that.
    unsafe {
        btrfs_ioc_subvol_getflags(fd, &raw mut flags)?;
        if flags & READ_ONLY != 0 {
            flags &= !READ_ONLY;
            btrfs_ioc_subvol_setflags(fd, &raw const flags)?;
        }
    }
    Ok(())
}
