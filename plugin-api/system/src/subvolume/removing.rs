//! Removes subvolumes: a whole tree goes in one call, its files need not be visited.
#![allow(unsafe_code)]

use crate::file_flags::clear_unchangeable;
use rustix::{
    fd::AsFd,
    fs::{Mode, OFlags, openat},
    io::{Errno, Result},
    ioctl::{Getter, Opcode, Setter, ioctl, opcode},
};
use std::ffi::CStr;

/// The longest name in the kernel's argument, its closing zero included.
const NAME_ROOM: usize = 4088;
const READ_ONLY: u64 = 1 << 1;

/// The kernel's `btrfs_ioctl_vol_args`.
#[repr(C)]
struct NamedVolume {
    fd: i64,
    name: [u8; NAME_ROOM],
}

// <linux/btrfs.h>
const SNAP_DESTROY: Opcode = opcode::write::<NamedVolume>(0x94, 15);
const SUBVOL_GETFLAGS: Opcode = opcode::read::<u64>(0x94, 25);
const SUBVOL_SETFLAGS: Opcode = opcode::write::<u64>(0x94, 26);

/// Destroys the subvolume `name` in a directory with all its files, whatever their flags are and whether it is read-only. `open` is the
/// subvolume itself, for what must be changed before. The caller has seen to it that nothing is mounted inside.
///
/// # Errors
/// `NOTEMPTY` when other subvolumes are inside; `PERM` when the user may not, or the file system begins with it.
pub fn destroy(parent: impl AsFd, name: &CStr, open: impl AsFd) -> Result<()> {
    let mut field = [0; NAME_ROOM];
    let bytes = name.to_bytes();
    if bytes.len() >= NAME_ROOM {
        return Err(Errno::NAMETOOLONG);
    }
    for (to, from) in field.iter_mut().zip(bytes) {
        *to = *from;
    }
    // The descriptor of the parent may be one that only stands for a path.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = openat(parent, ".", flags, Mode::empty())?;
    let attempt = || {
        // SAFETY: the kernel reads one NamedVolume, whose layout is its own.
        unsafe { ioctl(&parent, Setter::<SNAP_DESTROY, _>::new(NamedVolume { fd: 0, name: field })) }
    };
    match attempt() {
        // An immutable topmost directory is the only thing inside that counts.
        Err(Errno::PERM) if clear_unchangeable(open).unwrap_or(false) => attempt(),
        outcome => outcome,
    }
}

/// Lets the inside of a subvolume be changed that was made read-only.
///
/// # Errors
/// What the system refuses.
pub fn make_writable(open: impl AsFd) -> Result<()> {
    // SAFETY: the kernel writes one number.
    let flags = unsafe { ioctl(&open, Getter::<SUBVOL_GETFLAGS, u64>::new()) }?;
    if flags & READ_ONLY != 0 {
        // SAFETY: the kernel reads one number.
        unsafe { ioctl(&open, Setter::<SUBVOL_SETFLAGS, u64>::new(flags & !READ_ONLY)) }?;
    }
    Ok(())
}
