//! `boot.ipxe`: how a node boots an image.

use crate::{configuration::Configuration, system::layout::Layout};
use disklessset_plugin_api::{BootContext, Error, Image, Result};

/// The file's name in the directory of an image.
pub const FILE_NAME: &str = "boot.ipxe";

/// What the class of an image needs to write its boot file.
///
/// # Errors
/// When the images lie where no web server serves them, or the extra parameters are not one plain line.
pub fn context(image: &Image, layout: &Layout, configuration: &Configuration) -> Result<BootContext> {
    let base = configuration.http_base_url();
    let url = |real: camino::Utf8PathBuf| {
        let path = layout.url_path(&real).ok_or_else(|| {
            Error::failed(format!(
                "{} does not lie below the HTTP root {}",
                layout.published(&real),
                layout.http_root()
            ))
            .hint("set images_directory to a place below one named preboot_execution_environment")
        })?;
        Ok::<_, Error>(format!("{base}/{path}"))
    };
    let image_url = url(layout.image_dir(image.name().as_str()))?;
    let kernels_url = url(layout.kernels_dir())?;
    let mut context =
        BootContext::new(image.name().as_str(), image_url, &kernels_url, image.kernel().as_ref());
    context.kernel_parameters = kernel_parameters(image)?;
    Ok(context)
}

/// The image's extra kernel parameters: one line in which iPXE finds nothing of its own.
fn kernel_parameters(image: &Image) -> Result<String> {
    let text = image.text("kernel_parameters").unwrap_or_default();
    if let Some(bad) = text.chars().find(|c| c.is_control()) {
        return Err(Error::usage(format!("kernel_parameters has a {bad:?} in it")));
    }
    Ok(text)
}

/// Refuses a template that no node could use.
///
/// # Errors
/// When it is not an iPXE script, or names the kernel without its initramfs.
pub fn check(text: &str, context: &BootContext) -> Result<()> {
    let refuse =
        |reason: &str| Err(Error::failed(format!("the boot file of image {} {reason}", context.image)));
    if !text.starts_with("#!ipxe\n") {
        return refuse("does not start with #!ipxe");
    }
    if text.contains(&context.kernel_url) != text.contains(&context.initramfs_url) {
        return refuse("names the kernel without its initramfs, or the other way round");
    }
    if text.lines().any(|line| line.len() > 4000) {
        return refuse("has a line longer than 4,000 characters, more than iPXE and the kernel take");
    }
    Ok(())
}
