//! What an initramfs must have to use a root image.

use crate::{
    initramfs_facts::{Support, driver_support, flat_support, is_driver},
    os_tree::{Initramfs, TreesKernel, modules_place::of_version},
    tree_files::TreeFiles,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Host, Image, Kernel, Result};

/// Whether the initramfs of the kernel that a new tree got boots flat images.
///
/// # Errors
/// When the tree cannot be looked into.
pub fn boots_flat(made: &TreesKernel, tree: &Utf8Path, host: &Host<'_>) -> Result<Support> {
    Ok(match made.initramfs {
        Initramfs::Registered => flat_support(&host.paths()?.kernels.join(made.kernel.initramfs())),
        Initramfs::OfTheTree => {
            // The dracut that made it tells.
            let parts = TreeFiles::open(tree)?.list("usr/lib/dracut/modules.d")?;
            if parts.iter().any(|part| part.ends_with("overlayfs")) { Support::Yes } else { Support::No }
        }
    })
}

/// Refuses a new tree's kernel whose initramfs has not the drivers that the root image needs. An initramfs that the host made of
/// the tree has all drivers of root file systems that the kernel has.
///
/// # Errors
/// When a driver is missing, or the tree cannot be looked into.
pub fn check_drivers(
    image: &Image,
    drivers: &[String],
    made: &TreesKernel,
    tree: &Utf8Path,
    host: &Host<'_>,
) -> Result<()> {
    match made.initramfs {
        Initramfs::Registered => check_registered(image, drivers, &made.kernel, host),
        Initramfs::OfTheTree => drivers.iter().try_for_each(|driver| {
            let version = &made.kernel.version;
            match tree_has(&TreeFiles::open(tree)?, version.as_str(), driver)? {
                true => Ok(()),
                false => Err(Error::refused(format!(
                    "image {} needs the driver {driver}, and its kernel {version} has none",
                    image.name()
                ))
                .hint("take another kernel package")),
            }
        }),
    }
}

/// By the lists that the kernel's package, and depmod, leave beside its modules.
fn tree_has(files: &TreeFiles, version: &str, driver: &str) -> Result<bool> {
    let Some(modules) = of_version(files, version) else { return Ok(false) };
    for list in ["modules.dep", "modules.builtin", "modules.order"] {
        let text = files.read_text(&format!("{modules}/{list}"))?.unwrap_or_default();
        let paths = text.lines().map(|line| line.split(':').next().unwrap_or_default());
        if paths.into_iter().any(|path| is_driver(path, driver)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses a registered kernel whose initramfs has not the drivers that the root image of `image` needs.
///
/// # Errors
/// When a driver is missing.
pub fn check_registered(image: &Image, drivers: &[String], kernel: &Kernel, host: &Host<'_>) -> Result<()> {
    let initramfs = host.paths()?.kernels.join(kernel.initramfs());
    for driver in drivers {
        match driver_support(&initramfs, driver) {
            Support::Yes => {}
            Support::No => {
                return Err(Error::refused(format!(
                    "image {} needs the driver {driver}, and the initramfs of kernel {} has none",
                    image.name(),
                    kernel.version
                ))
                .hint(format!(
                    "disklessset kernel initramfs {} makes it again with all drivers of root file systems",
                    kernel.version
                )));
            }
            Support::Unknown(why) => {
                host.warn(format!("cannot tell whether {initramfs} has the driver {driver}: {why}"));
            }
        }
    }
    Ok(())
}

/// Refuses a kernel whose initramfs cannot boot the flat image `image`. `otherwise` is what else the user can do.
///
/// # Errors
/// When it has not dracut's overlayfs part.
pub fn check_flat(image: &Image, kernel: &Kernel, otherwise: &str, host: &Host<'_>) -> Result<()> {
    let initramfs = host.paths()?.kernels.join(kernel.initramfs());
    match flat_support(&initramfs) {
        Support::Yes => Ok(()),
        Support::No => Err(Error::refused(format!(
            "image {} is flat, and the initramfs of kernel {} cannot boot a flat image",
            image.name(),
            kernel.version
        ))
        .hint(format!("make the initramfs again with dracut's overlayfs part{otherwise}"))),
        Support::Unknown(why) => {
            host.warn(format!("cannot tell whether {initramfs} boots a flat image: {why}"));
            Ok(())
        }
    }
}

/// Warns when nodes will not have the modules of a kernel.
pub fn warn_without_modules(image: &Image, kernel: &Kernel, host: &Host<'_>) {
    host.warn(format!(
        "image {} has no modules of kernel {}: nodes will only have the drivers of the initramfs",
        image.name(),
        kernel.version
    ));
}
