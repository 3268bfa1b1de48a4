//! What is known of an image that exists: its layout, its file, whether a kernel fits it.

use camino::Utf8PathBuf;
use disklessset_kit::{
    initramfs_facts::{FlatSupport, flat_support},
    squashfs::{Layout, holds},
};
use disklessset_plugin_api::{Error, Host, Image, ImageName, Kernel, Result, Size};

/// The root image's name, fixed by the boot files of 1.x and ours.
pub(crate) const ROOT_IMAGE: &str = "squashfs.img";

/// The root image of an image.
pub(crate) fn root_image(image: &Image) -> Utf8PathBuf {
    image.directory().join(ROOT_IMAGE)
}

/// The layout as the record has it. 1.x recorded none: all of its images are classic.
pub(crate) fn recorded_layout(image: &Image) -> Layout {
    image.text("layout").and_then(|layout| layout.parse().ok()).unwrap_or(Layout::Classic)
}

/// The size as the record has it, a number of mebibytes (text of digits in records of 1.x).
pub(crate) fn recorded_size(image: &Image) -> Option<Size> {
    image.text("livenet_size")?.parse().ok().map(Size::mebibytes)
}

/// Where an image is edited.
#[derive(Debug)]
pub(crate) struct Places {
    /// The image's work area.
    pub(crate) area: Utf8PathBuf,
    /// The tree, for users.
    pub(crate) tree: Utf8PathBuf,
    /// The squashfs file, read-only.
    pub(crate) packed: Utf8PathBuf,
    /// The file system inside a classic one, read-only.
    pub(crate) inner: Utf8PathBuf,
    /// Where changes go.
    pub(crate) upper: Utf8PathBuf,
    /// Where changes lie that are packed already or not wanted, until they are removed.
    pub(crate) given_up: Utf8PathBuf,
    /// The overlay's own directory beside it.
    pub(crate) overlay_work: Utf8PathBuf,
    /// The tree as it is packed, with nothing mounted inside.
    pub(crate) packing: Utf8PathBuf,
}

impl Places {
    pub(crate) fn of(name: &ImageName, host: &Host<'_>) -> Result<Self> {
        let area = host.paths()?.work.join(name.as_str());
        let below = |name: &str| area.join(name);
        Ok(Self {
            tree: below("mnt"),
            packed: below("packed"),
            inner: below("inner"),
            upper: below("changes"),
            given_up: below("changes-given-up"),
            overlay_work: below("overlay"),
            packing: below("packing"),
            area,
        })
    }

    /// Whether an edit has been begun here and not been ended.
    pub(crate) fn are_used(&self) -> bool {
        [&self.upper, &self.given_up, &self.packed].into_iter().any(|place| place.is_dir())
    }
}

/// Refuses a kernel whose initramfs cannot use the image.
pub(crate) fn check_kernel(image: &Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
    if recorded_layout(image) == Layout::Classic {
        return Ok(());
    }
    if !holds(&root_image(image), &format!("usr/lib/modules/{}", kernel.version), host)? {
        host.warn(format!(
            "image {} has no modules of kernel {}: nodes will only have the drivers of the initramfs",
            image.name(),
            kernel.version
        ));
    }
    let initramfs = host.paths()?.kernels.join(kernel.initramfs());
    match flat_support(&initramfs) {
        FlatSupport::Yes => Ok(()),
        FlatSupport::No => Err(Error::refused(format!(
            "image {} is flat, and the initramfs of kernel {} cannot boot a flat image",
            image.name(),
            kernel.version
        ))
        .hint("make the initramfs again with dracut's overlayfs part, or create the image with --layout classic")),
        FlatSupport::Unknown(why) => {
            host.warn(format!("cannot tell whether {initramfs} boots a flat image: {why}"));
            Ok(())
        }
    }
}
