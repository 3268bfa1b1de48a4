//! Mounts file systems that lie in files.

use super::{Access, MountError, MountFlags, mount_file_system, open_place};
use crate::{
    beneath::own_path,
    loop_device::LoopDevice,
    steps::{Step, passed},
};
use camino::Utf8Path;

/// Mounts a file system that lies in a file, in one system call that no tool can be killed in. Its loop device goes away by itself with
/// the unmount. `flags` are more than the access says, `options` the file system's own.
///
/// # Errors
/// What the system refuses; nothing stays mounted then, and no device.
pub fn mount_loop(
    image: &Utf8Path,
    kind: &str,
    options: Option<&str>,
    target: &Utf8Path,
    access: Access,
    flags: MountFlags,
) -> Result<(), MountError> {
    let place = open_place(target)?;
    let device = LoopDevice::of(image, access)?;
    let flags = if access == Access::ReadOnly { flags | MountFlags::RDONLY } else { flags };
    mount_file_system(device.path().as_str(), &own_path(&place), kind, flags, options).map_err(|source| {
        let (image, target, kind) = (image.to_owned(), target.to_owned(), kind.to_owned());
        MountError::Image { image, target, kind, source: source.into() }
    })?;
    passed(Step::ImageMounted, &target);
    Ok(())
}
