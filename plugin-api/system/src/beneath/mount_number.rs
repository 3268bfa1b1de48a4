//! The kernel's numbers of mounts.

use rustix::{
    fd::{AsRawFd, BorrowedFd},
    fs::{AtFlags, StatxFlags},
    io::{Errno, Result},
};

/// The kernel's number of the mount that a descriptor is in, which it tells since 3.15.
pub(super) fn number_of(fd: BorrowedFd<'_>) -> Result<u64> {
    if let Ok(stat) = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
        && stat.stx_mask & StatxFlags::MNT_ID.bits() != 0
    {
        return Ok(stat.stx_mnt_id);
    }
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()));
    let told = told.map_err(|cause| Errno::from_io_error(&cause).unwrap_or(Errno::IO))?;
    let number = told.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    number.ok_or(Errno::IO)
}
