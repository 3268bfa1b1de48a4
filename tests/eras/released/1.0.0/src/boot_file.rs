//! What holds of every boot file, whoever wrote it: the host refuses others, and so does the host of tests.

use crate::{
    BootContext, Boots, Image,
    error::{Error, Result},
};

/// The longest line that iPXE and the kernel take, in bytes.
const LONGEST_LINE: usize = 4000;

impl Boots {
    /// Refuses a boot file that no node could use, or that fetches something else than this, and an image
    /// without a file that nodes are to fetch. The host does before anything is published.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, text: &str, context: &BootContext, image: &Image) -> Result<()> {
        let refuse =
            |reason: &str| Err(Error::failed(format!("the boot file of image {} {reason}", context.image)));
        if !text.starts_with("#!ipxe\n") {
            return refuse("does not start with #!ipxe");
        }
        let fetched = |url: &str| fetches(text, url);
        let (kernel, initramfs) = (fetched(&context.kernel_url), fetched(&context.initramfs_url));
        if self.kernel && self.initramfs && kernel != initramfs {
            return refuse("fetches the kernel without its initramfs, or the other way round");
        }
        if !self.kernel && kernel || !self.initramfs && initramfs {
            return refuse("fetches a kernel or an initramfs that its class says no node boots");
        }
        if let Some(file) = self.files.iter().find(|file| !fetched(&context.file_url(file))) {
            return refuse(&format!("does not fetch {file}, which its class says nodes boot"));
        }
        if text.lines().any(|line| line.len() > LONGEST_LINE) {
            return refuse("has a line longer than 4,000 characters, more than iPXE and the kernel take");
        }
        let is_there =
            |file: &String| context.files.contains_key(file) || image.directory().join(file).is_file();
        if let Some(file) = self.files.iter().find(|file| !is_there(file)) {
            let text = format!("nodes are to fetch {file}, which image {} does not have", image.name());
            return Err(Error::failed(text).hint("put it back from a copy, or make the image again"));
        }
        Ok(())
    }
}

impl BootContext {
    /// What the class of an image is given to write its boot file.
    ///
    /// # Errors
    /// When the extra kernel parameters of the image are not one plain line.
    pub fn of(image: &Image, image_url: impl Into<String>, kernels_url: &str) -> Result<Self> {
        let mut context = Self::new(image.name().as_str(), image_url, kernels_url, image.kernel().as_ref());
        context.kernel_parameters = image.text("kernel_parameters").unwrap_or_default();
        match context.kernel_parameters.chars().find(|c| c.is_control()) {
            Some(bad) => Err(Error::usage(format!("kernel_parameters has a {bad:?} in it"))),
            None => Ok(context),
        }
    }
}

/// Whether a boot file fetches what has this address.
pub fn fetches(text: &str, url: &str) -> bool {
    !url.is_empty() && words(text).any(|word| word == url)
}

/// The words of the commands of a boot file. A comment is none.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageName, Kernel, KernelVersion};

    #[test]
    fn a_boot_file_fetches_what_the_class_says_and_a_comment_fetches_nothing() {
        const BASE: &str = "http://${next-server}/p";
        let kernel = Kernel::new(KernelVersion::parse("6.1").unwrap());
        let context =
            BootContext::new("web", format!("{BASE}/images/web"), &format!("{BASE}/kernels"), Some(&kernel));
        let (vmlinuz, initramfs) = (&context.kernel_url, &context.initramfs_url);
        let own = context.file_url("all.cpio");
        let pair = Boots::kernel_and_initramfs();
        let whole = Boots::kernel_with("all.cpio");
        let image = |directory: &str| {
            Image::new(ImageName::parse("web").unwrap(), "C", std::collections::BTreeMap::new(), directory)
        };
        let refused = |lines: &str, boots: &Boots| {
            let error = boots.check(&format!("#!ipxe\n{lines}"), &context, &image("/nowhere")).err();
            error.map(|error| error.to_string())
        };
        assert_eq!(refused(&format!("kernel {vmlinuz}\ninitrd {initramfs}\n"), &pair), None);
        let commented = refused(&format!("kernel {vmlinuz}\n# {initramfs}\n"), &pair).unwrap();
        assert!(commented.contains("without its initramfs"), "{commented}");
        let commented = refused(&format!("kernel {vmlinuz}\n# {own}\n"), &whole).unwrap();
        assert!(commented.contains("does not fetch all.cpio"), "{commented}");
        let both = format!("kernel {vmlinuz}\ninitrd {initramfs}\ninitrd {own}\n");
        assert!(refused(&both, &whole).unwrap().contains("says no node boots"));
        let long = refused(&format!("echo {}\n", "x".repeat(4000)), &pair).unwrap();
        assert!(long.contains("longer than 4,000"), "{long}");
        assert!(pair.check("ipxe\n", &context, &image("/")).unwrap_err().to_string().contains("#!ipxe"));

        // The file itself has to be there, too.
        let lacks = refused(&format!("kernel {vmlinuz}\ninitrd {own}\n"), &whole).unwrap();
        assert_eq!(lacks, "nodes are to fetch all.cpio, which image web does not have");
        let there = Boots::only("Cargo.toml");
        let unified = format!("#!ipxe\nchain {}\n", context.file_url("Cargo.toml"));
        assert!(there.check(&unified, &context, &image(env!("CARGO_MANIFEST_DIR"))).is_ok());
    }
}
