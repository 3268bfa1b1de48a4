//! The text of `boot.ipxe` for a class that boots one kernel with one initramfs.

use crate::boot_line;
use disklessset_plugin_api::{BootContext, Error, Image, Result};

/// A boot file while its kernel line is written.
#[derive(Debug)]
pub struct BootScript<'b> {
    image: &'b Image,
    boot: &'b BootContext,
    words: Vec<String>,
}

impl<'b> BootScript<'b> {
    /// Begins the kernel line with the name of the initramfs.
    ///
    /// # Errors
    /// When the image has no kernel.
    pub fn new(image: &'b Image, boot: &'b BootContext) -> Result<Self> {
        if boot.kernel_url.is_empty() || boot.initramfs_url.is_empty() {
            return Err(Error::failed(format!("image {} has no kernel", boot.image))
                .hint(format!("disklessset kernel set {} VERSION", boot.image)));
        }
        Ok(Self { image, boot, words: vec![format!("initrd={}", boot.initramfs)] })
    }

    /// Adds words of the class to the kernel line.
    #[must_use]
    pub fn words(mut self, words: impl Into<String>) -> Self {
        self.words.push(words.into());
        self
    }

    /// Writes the file: it says what is booted, then names kernel and initramfs as a pair. The parameters of the image and those of the site
    /// come last on the kernel line. `kind` is the kind of image as the boot loader shows it.
    ///
    /// # Errors
    /// When the kernel parameters of the image cannot stand on the line.
    pub fn finish(mut self, kind: &str) -> Result<String> {
        let own = boot_line::check(&self.boot.kernel_parameters)?;
        if !own.is_empty() {
            self.words.push(own);
        }
        self.words.push(BootContext::OF_THE_SITE.to_owned());
        Ok(format!(
            "#!ipxe\n\necho Booting image {image} ({kind}) with kernel {kernel}\n\nkernel {kernel_url} {line}\n\
             initrd --name {initramfs} {initramfs_url}\nboot\n",
            image = self.boot.image,
            kernel = self.image.text("kernel").unwrap_or_default(),
            kernel_url = self.boot.kernel_url,
            line = self.words.join(" "),
            initramfs = self.boot.initramfs,
            initramfs_url = self.boot.initramfs_url,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::{ImageName, Kernel, KernelVersion};
    use std::collections::BTreeMap;

    fn image() -> Image {
        Image::new(ImageName::parse("web").unwrap(), "C", BTreeMap::new(), "/i/web")
    }

    fn boot(kernel: Option<&Kernel>) -> BootContext {
        BootContext::new("web", "http://server/images/web", "http://server/kernels", kernel)
    }

    #[test]
    fn a_boot_script_needs_a_kernel_and_says_what_sets_one() {
        let (image, boot) = (image(), boot(None));
        let error = BootScript::new(&image, &boot).unwrap_err();
        assert_eq!(error.to_string(), "image web has no kernel");
        assert_eq!(error.hint.as_deref(), Some("disklessset kernel set web VERSION"));
    }

    #[test]
    fn a_boot_script_has_the_words_of_the_class_before_those_of_the_image() {
        let kernel = Kernel::new(KernelVersion::parse("6.1.0-1-amd64").unwrap());
        let (image, mut boot) = (image(), boot(Some(&kernel)));
        boot.kernel_parameters = "quiet".to_owned();
        let script = BootScript::new(&image, &boot).unwrap().words("root=x").finish("demo").unwrap();
        let line = script.lines().find(|line| line.starts_with("kernel ")).unwrap();
        let site = BootContext::OF_THE_SITE;
        assert!(line.ends_with(&format!(" initrd={} root=x quiet {site}", boot.initramfs)), "{line}");
        boot.kernel_parameters = "a || shell".to_owned();
        assert!(BootScript::new(&image, &boot).unwrap().finish("demo").is_err());
    }
}
