//! What is known of an image that exists: its layout, its file, whether a kernel fits it.

use crate::{compression, squashfs::ROOT_IMAGE};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{
    live::{
        needs,
        root_image::{self, Format, Whole},
    },
    places_of_1x,
    squashfs::{INNER_IMAGE, Layout},
};
use disklessset_plugin_api::{Error, Host, Image, ImageName, Kernel, Result, Size};

/// The root image of an image, as its class makes it.
#[derive(Debug)]
pub(crate) struct Root {
    /// What it is.
    pub(crate) format: Format,
    /// Where it lies.
    pub(crate) path: Utf8PathBuf,
}

impl Root {
    /// Whether it is packed with squashfs, and not by a class that makes another.
    pub(crate) fn is_squashfs(&self) -> bool {
        self.path.file_name() == Some(ROOT_IMAGE)
    }

    pub(crate) fn of(image: &Image, host: &Host<'_>) -> Result<Self> {
        let format = root_image::format(image, host)?;
        Ok(Self { path: format.file.of(image), format })
    }

    /// Whether it may hold a file system image instead of the tree.
    pub(crate) fn may_be_classic(&self) -> bool {
        self.format.layouts.contains(&Layout::Classic)
    }

    /// Looks whether it is whole.
    pub(crate) fn check(&self, image: &Image, host: &Host<'_>) -> Result<Whole> {
        root_image::check(image, &self.path, host)
    }

    /// The versions of kernels whose modules it has; what is in the file system of a classic one takes a mount to see.
    pub(crate) fn modules(&self, image: &Image, host: &Host<'_>) -> Result<Vec<String>> {
        let mut all = root_image::names(image, &self.path, "usr/lib/modules", host)?;
        // A tree whose `/usr` is not merged has others there; of one that is, this is a link, and not every tool goes through it.
        all.extend(root_image::names(image, &self.path, "lib/modules", host).unwrap_or_default());
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// The layout as it has it, without unpacking it.
    pub(crate) fn layout(&self, image: &Image, host: &Host<'_>) -> Result<Layout> {
        let inner = Utf8Path::new(INNER_IMAGE);
        let directory = inner.parent().map_or("", Utf8Path::as_str);
        let classic = self.may_be_classic()
            && root_image::names(image, &self.path, directory, host)?
                .iter()
                .any(|name| inner.file_name() == Some(name));
        Ok(if classic { Layout::Classic } else { Layout::Flat })
    }

    /// Why nothing can be done with an image whose mount is lost, and what to do.
    pub(crate) fn lost_mount(&self, image: &Image) -> Error {
        let (module, name) = (&self.format.module, image.name());
        Error::refused(format!("image {name} was mounted, and its mount is lost"))
            .hint(format!("disklessset {module} mount {name}, or disklessset {module} unmount {name}"))
    }
}

/// The layout as the record has it. 1.x recorded none: all of its images are classic.
pub(crate) fn recorded_layout(image: &Image) -> Layout {
    image.text("layout").and_then(|layout| layout.parse().ok()).unwrap_or(Layout::Classic)
}

/// The size as the record has it, a number of mebibytes (text of digits in records of 1.x).
pub(crate) fn recorded_size(image: &Image) -> Option<Size> {
    image.text("livenet_size")?.parse().ok().map(Size::mebibytes)
}

/// Puts the places on record that 1.x takes from there, so that a site may go back to it. Ours follow from the name.
pub(crate) fn record_places(image: &mut Image, host: &Host<'_>) -> Result<()> {
    let (paths, name) = (host.paths()?, image.name().clone());
    let area = paths.work.join(name.as_str());
    for (key, place) in [
        ("IMAGE_DIRECTORY", paths.images.join(name.as_str())),
        ("WORKING_DIRECTORY", area.clone()),
        ("MOUNT_DIRECTORY", area.join("mnt")),
    ] {
        places_of_1x::record(image, key, &place, &paths);
    }
    Ok(())
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
    /// Where 1.x unpacks the root image to edit it.
    pub(crate) unpacked: Utf8PathBuf,
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
            unpacked: below("squashfs-root"),
            area,
        })
    }

    /// Whether an edit has been begun here and not been ended.
    pub(crate) fn are_used(&self) -> bool {
        [&self.upper, &self.given_up, &self.packed, &self.unpacked].into_iter().any(|place| place.is_dir())
    }
}

/// Refuses a kernel whose initramfs cannot use the image.
pub(crate) fn check_kernel(image: &Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
    let root = Root::of(image, host)?;
    compression::check_kernel(image, &root, kernel, host)?;
    if recorded_layout(image) == Layout::Classic {
        return Ok(());
    }
    if !root.modules(image, host)?.iter().any(|version| version == kernel.version.as_str()) {
        needs::warn_without_modules(image, kernel, host);
    }
    let otherwise = if root.may_be_classic() { ", or create the image with --layout classic" } else { "" };
    needs::check_flat(image, kernel, otherwise, host)?;
    needs::check_registered(image, &root.format.drivers, kernel, host)
}
