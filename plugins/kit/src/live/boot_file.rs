//! The text of `boot.ipxe`.

use super::root_image::RootFile;
use crate::{boot_line, boot_script::BootScript, squashfs::Layout};
use disklessset_plugin_api::{BootContext, Image, Result};

/// What is booted.
#[derive(Debug, Clone, Copy)]
pub struct Booted<'a> {
    /// The kind of image as the boot loader shows it: the name of the module.
    pub kind: &'a str,
    /// The root image, in the image's directory.
    pub file: &'a RootFile,
    /// How the tree lies in it.
    pub layout: Layout,
}

/// What a node does that cannot mount its root image: dracut takes one that was cut short for a whole one, and would wait for somebody at its
/// shell. Who wants that shell adds `rd.shell=1 rd.emergency=halt`: the last word counts.
const START_OVER: &str = "rd.shell=0 rd.emergency=reboot";

/// Writes the boot file: says what is booted, then kernel and initramfs as a pair.
///
/// The root image is fetched by dracut's livenet part. A flat image needs its overlayfs part; for a classic one the same word would
/// leave the node without a root. What a node can write lies in the initramfs' own `/run`, a fifth of its RAM, in both layouts:
/// dracut has no word to change that for a downloaded root (`rd.live.overlay.size` sizes a device-mapper overlay, whose store is in
/// `/run` as well).
///
/// # Errors
/// When the image has no kernel, or its kernel parameters cannot stand on the line.
pub fn boot_file(image: &Image, boot: &BootContext, booted: &Booted<'_>) -> Result<String> {
    // Debian's kernels start another security module unless this one is named.
    let selinux = if image.flag("selinux") { "selinux=1 security=selinux" } else { "selinux=0" };
    let overlay = match booted.layout {
        Layout::Flat => Some("rd.live.overlay.overlayfs=1"),
        Layout::Classic => None,
    };
    let mut script = BootScript::new(image, boot)?
        .words(format!("root=live:{}", boot.file_url(booted.file.as_str())))
        .words(boot_line::NETWORK);
    for words in overlay.into_iter().chain([selinux, boot_line::PATIENCE, START_OVER]) {
        script = script.words(words);
    }
    script.finish(booted.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::{ImageName, Kernel, KernelVersion};
    use std::collections::BTreeMap;

    fn booted(attributes: &[(&str, &str)], layout: Layout) -> String {
        let kernel = Kernel::new(KernelVersion::parse("6.1.0-1-amd64").unwrap());
        let mut image =
            Image::new(ImageName::parse("web").unwrap(), "LivenetImage", BTreeMap::new(), "/i/web");
        for (name, value) in attributes {
            image.set(name, *value);
        }
        image.set_kernel(&kernel);
        let mut boot = BootContext::new(
            "web",
            "http://${next-server}/x/images/web",
            "http://${next-server}/x/kernels",
            Some(&kernel),
        );
        boot.kernel_parameters = "quiet".to_owned();
        let file = RootFile::parse("squashfs.img").unwrap();
        boot_file(&image, &boot, &Booted { kind: "livenet", file: &file, layout }).unwrap()
    }

    #[test]
    fn kernel_and_initramfs_are_a_pair_and_flat_images_say_so() {
        let text = booted(&[("selinux", "true")], Layout::Flat);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "#!ipxe");
        assert_eq!(lines[2], "echo Booting image web (livenet) with kernel vmlinuz-6.1.0-1-amd64");
        assert_eq!(
            lines[4],
            "kernel http://${next-server}/x/kernels/vmlinuz-6.1.0-1-amd64 initrd=initramfs-kernel-6.1.0-1-amd64 \
             root=live:http://${next-server}/x/images/web/squashfs.img rd.neednet=1 rd.live.overlay.overlayfs=1 \
             selinux=1 security=selinux rd.net.timeout.carrier=30 rd.net.timeout.ifup=60 rd.net.dhcp.retry=4 rd.shell=0 \
             rd.emergency=reboot quiet ${eq-console} \
             ${eq-kernel-parameters} ${dedicated-kernel-parameters}"
        );
        assert_eq!(
            lines[5],
            "initrd --name initramfs-kernel-6.1.0-1-amd64 http://${next-server}/x/kernels/initramfs-kernel-6.1.0-1-amd64"
        );
        assert_eq!(lines[6], "boot");
    }

    #[test]
    fn images_of_1x_are_classic() {
        let text = booted(&[("selinux", "False"), ("livenet_type", "Type.CORE")], Layout::Classic);
        assert!(!text.contains("overlayfs") && text.contains("selinux=0"), "{text}");
    }
}
