//! What is wrong with an image that only its class can tell.

use crate::{
    existing::{Places, recorded_layout, root_image},
    mount,
};
use disklessset_kit::{
    squashfs::{Layout, Superblock, layout_of, names_in},
    verification::{self, Fault},
};
use disklessset_plugin_api::{Host, Image, Result};
use serde_json::Value;

/// The parts of dracut that fetch the root image and make it the root.
const PARTS: [&str; 2] = ["livenet", "dmsquash-live"];
/// What a flat image needs beside them.
const FLAT: &str = "overlayfs";

/// Checks the root image, whether the record means it, and whether kernel, initramfs and modules belong together.
pub(crate) fn verify(image: &Image, host: &Host<'_>) -> Result<Value> {
    let (name, file) = (image.name(), root_image(image));
    let mut faults = Vec::new();
    let mut modules = None;
    match Superblock::read(&file) {
        Err(fault) => {
            faults
                .push(Fault::problem(fault.to_string(), "put it back from a copy, or make the image again"));
        }
        Ok(_) => {
            let (layout, recorded) = (layout_of(&file, host)?, recorded_layout(image));
            if layout != recorded {
                let record = image.directory().join("image_data.yml");
                let text = format!("its record says that squashfs.img is {recorded}, and it is {layout}");
                faults.push(Fault::problem(text, format!("put `layout: {layout}` into {record}")));
            }
            // What is in the file system of a classic image takes a mount to see.
            if layout == Layout::Flat {
                modules = Some(names_in(&file, "usr/lib/modules", host)?);
            }
        }
    }
    let places = Places::of(name, host)?;
    if image.flag("is_mounted") && !mount::is_live(&places)? {
        faults.push(Fault::problem(
            "the mount was lost; mount or unmount the image to get its changes back",
            format!("disklessset livenet mount {name}"),
        ));
    }
    let mut parts = PARTS.to_vec();
    if recorded_layout(image) == Layout::Flat {
        parts.push(FLAT);
    }
    faults.extend(verification::of_kernel(image, &parts, modules.as_deref(), "squashfs.img", host)?);
    Ok(verification::answer(&faults))
}
