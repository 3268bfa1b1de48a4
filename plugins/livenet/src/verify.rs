//! What is wrong with an image that only its class can tell.

use crate::{
    compression,
    existing::{Places, Root, recorded_layout},
    mount, of_1x,
};
use disklessset_kit::{
    initramfs_facts::{Support, driver_support},
    squashfs::Layout,
    verification,
};
use disklessset_plugin_api::{Finding, Host, Image, Result};

/// The parts of dracut that fetch the root image and make it the root.
const PARTS: [&str; 2] = ["livenet", "dmsquash-live"];
/// What a flat image needs beside them.
const FLAT: &str = "overlayfs";

/// Checks the root image, whether the record means it, and whether kernel, initramfs and modules belong together.
pub(crate) fn verify(image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
    let (name, root) = (image.name(), Root::of(image, host)?);
    let places = Places::of(name, host)?;
    let file = &root.format.file;
    let mut faults = Vec::new();
    let mut modules = None;
    match root.check(image, host) {
        Err(fault) => {
            let unmount = format!("disklessset {} unmount {name}", root.format.module);
            let mend = match (of_1x::edited(image, &places, host)?, of_1x::whole_backup(image, host)?) {
                (Some(_), _) => format!("{unmount} (it packs the edits that 1.x left)"),
                (None, Some(_)) => format!("{unmount} (it puts the state before back)"),
                (None, None) => "put it back from a copy, or make the image again".to_owned(),
            };
            faults.push(Finding::problem(fault.to_string(), mend));
        }
        Ok(_) => {
            let (layout, recorded) = (root.layout(image, host)?, recorded_layout(image));
            if layout != recorded {
                let record = image.directory().join("image_data.yml");
                let text = format!("its record says that {file} is {recorded}, and it is {layout}");
                faults.push(Finding::problem(text, format!("put `layout: {layout}` into {record}")));
            }
            // What is in the file system of a classic image takes a mount to see.
            if layout == Layout::Flat {
                modules = Some(root.modules(image, host)?);
            }
        }
    }
    faults.extend(compression::fault(image, &root, host)?);
    if image.flag("is_mounted") && !mount::is_live(&places)? {
        faults.push(Finding::problem(
            "the mount was lost; mount or unmount the image to get its changes back",
            format!("disklessset {} mount {name}", root.format.module),
        ));
    }
    let mut parts = PARTS.to_vec();
    if recorded_layout(image) == Layout::Flat {
        parts.push(FLAT);
    }
    faults.extend(verification::of_kernel(image, &parts, modules.as_deref(), file.as_str(), host)?);
    faults.extend(missing_drivers(image, &root, host)?);
    Ok(faults)
}

/// Drivers that the root image needs and the initramfs has not.
fn missing_drivers(image: &Image, root: &Root, host: &Host<'_>) -> Result<Vec<Finding>> {
    let Some(kernel) = image.kernel() else { return Ok(Vec::new()) };
    let (initramfs, kernels) = (kernel.initramfs(), host.paths()?.kernels);
    let lacks = |driver: &&String| driver_support(&kernels.join(&initramfs), driver) == Support::No;
    let missing = root.format.drivers.iter().filter(lacks);
    Ok(missing
        .map(|driver| {
            Finding::problem(
                format!("{initramfs} has no driver {driver}, and cannot boot this image"),
                format!("disklessset kernel initramfs {}", kernel.version),
            )
        })
        .collect())
}
