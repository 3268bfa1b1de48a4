//! What image classes with a kernel and an OS tree have in common when they check their images.

use crate::initramfs_facts::facts;
use disklessset_plugin_api::{Finding, Host, Image, Result};

/// Whether the kernel of an image, its initramfs and the modules in the image's tree belong together, and the initramfs has the
/// `parts` (of dracut) that the class needs. `modules` are the versions whose modules the tree has, `None` when that cannot be told;
/// `place` is what the tree is called in messages.
///
/// # Errors
/// When the places of the site cannot be told.
pub fn of_kernel(
    image: &Image,
    parts: &[&str],
    modules: Option<&[String]>,
    place: &str,
    host: &Host<'_>,
) -> Result<Vec<Finding>> {
    let Some(kernel) = image.kernel() else { return Ok(Vec::new()) };
    let (name, version) = (image.name(), &kernel.version);
    let kernels = host.paths()?.kernels;
    let initramfs = kernel.initramfs();
    let again = format!("disklessset kernel initramfs {version}");
    let mut faults = Vec::new();
    match facts(&kernels.join(&initramfs)) {
        // The host tells of what is not there.
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) if cause.kind() == std::io::ErrorKind::Unsupported => {
            faults.push(Finding::warning(format!("cannot tell what is in {initramfs}: {cause}")));
        }
        Err(cause) => faults.push(Finding::problem(format!("{initramfs} cannot be read: {cause}"), &again)),
        Ok(found) => {
            if let Some(other) = found.kernel.filter(|other| other != version.as_str()) {
                faults.push(Finding::problem(format!("{initramfs} was made for kernel {other}"), &again));
            }
            let missing = |list: &Vec<String>| {
                let lacks = |part: &&&str| !list.iter().any(|has| has == **part);
                parts.iter().filter(lacks).copied().collect::<Vec<_>>().join(", ")
            };
            match found.parts.as_ref().map(missing) {
                None => {
                    faults.push(Finding::warning(format!("{initramfs} has no list of its dracut modules")))
                }
                Some(none) if none.is_empty() => {}
                Some(missing) => {
                    let text =
                        format!("{initramfs} has no dracut module {missing}, and cannot boot this image");
                    faults.push(Finding::problem(text, &again));
                }
            }
        }
    }
    // A tree without any modules was made so; one with those of another kernel boots without most of its drivers.
    if let Some([first, ..]) = modules
        && let Some(modules) = modules
        && !modules.iter().any(|has| has == version.as_str())
    {
        let registered = kernels.join(format!("vmlinuz-{first}")).is_file();
        let mend = match registered {
            true => format!("disklessset kernel set {name} {first}"),
            false => format!(
                "disklessset kernel add --from-image {name}, then disklessset kernel set {name} {first}"
            ),
        };
        let text = format!("{place} has modules of kernel {}, not of {version}", modules.join(", "));
        faults.push(Finding::problem(text, mend));
    }
    Ok(faults)
}
