//! The kernel of an image, its initramfs, and what its record says of them.

use crate::{images::manager::ImageManager, integrity::Fault, kernels::KernelManager};
use disklessset_plugin_api::{Image, Result};

/// Whether the kernel of an image is there, with its initramfs, and its record means one pair.
pub(super) fn faults(manager: &ImageManager<'_>, image: &Image) -> Result<Vec<Fault>> {
    let Some(kernel) = image.kernel() else { return Ok(Vec::new()) };
    let (name, version) = (image.name(), &kernel.version);
    let mut faults = Vec::new();
    if let Some(recorded) = image.text("image").filter(|recorded| *recorded != kernel.initramfs()) {
        let text = format!("its record pairs kernel {version} with {recorded}");
        faults.push(Fault::problem(text).mend(format!("disklessset kernel set {name} {version}")));
    }
    let kernels = KernelManager::new(manager.site);
    let found = match manager.boots(image)?.initramfs {
        true => kernels.usable(version),
        false => kernels.alone(version),
    };
    if let Err(error) = found {
        let others: Vec<String> = kernels
            .list()?
            .into_iter()
            .filter(|listed| listed.initramfs.is_some())
            .map(|listed| listed.version)
            .collect();
        let there = manager.site.layout.kernels_dir().join(kernel.vmlinuz()).is_file();
        let mend = match (there, others.as_slice()) {
            (true, _) => format!("disklessset kernel initramfs {version}"),
            (false, [only]) => format!("disklessset kernel set {name} {only}"),
            (false, []) => "disklessset kernel add --vmlinuz FILE".to_owned(),
            (false, some) => {
                format!("disklessset kernel set {name} VERSION (VERSION being {})", some.join(" or "))
            }
        };
        faults.push(Fault::from(error).mend(mend));
    }
    Ok(faults)
}
