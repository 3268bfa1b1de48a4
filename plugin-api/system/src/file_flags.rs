//! Flags of single files that forbid to change them: `chattr +i` and `+a`.

use rustix::{
    fd::AsFd,
    fs::{IFlags, ioctl_getflags, ioctl_setflags},
    io::Result,
};

/// Takes the immutable and append-only flags off an open file or directory. Returns whether there were any.
///
/// # Errors
/// What the system refuses; a file system without such flags answers `NOTTY`.
pub fn clear_unchangeable(file: impl AsFd) -> Result<bool> {
    let unchangeable = IFlags::IMMUTABLE | IFlags::APPEND;
    let flags = ioctl_getflags(&file)?;
    if !flags.intersects(unchangeable) {
        return Ok(false);
    }
    ioctl_setflags(&file, flags - unchangeable)?;
    Ok(true)
}
