//! What is wrong with an image that only its class can tell.

use crate::publishing::root_file;
use disklessset_kit::{
    squashfs::{Superblock, names_in},
    verification,
};
use disklessset_plugin_api::{Finding, Host, Image, Result};

/// The parts of dracut that fetch the root image and make it the root.
const PARTS: [&str; 3] = ["livenet", "dmsquash-live", "overlayfs"];

/// Whether the root image is whole, and kernel, initramfs and modules belong together.
pub(crate) fn verify(image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
    let root = root_file()?;
    let file = root.of(image);
    let mut faults = Vec::new();
    let mut modules = None;
    match Superblock::read(&file) {
        Ok(_) => modules = Some(names_in(&file, "usr/lib/modules", host)?),
        Err(fault) => {
            let mend = format!("disklessset oci update {} --again", image.name());
            faults.push(Finding::problem(fault.to_string(), mend));
        }
    }
    faults.extend(verification::of_kernel(image, &PARTS, modules.as_deref(), root.as_str(), host)?);
    Ok(faults)
}
