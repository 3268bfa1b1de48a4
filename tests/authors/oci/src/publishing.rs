//! Where the root image lies, and how it is replaced.

use camino::Utf8Path;
use disklessset_kit::live::root_image::RootFile;
use disklessset_plugin_api::{Hold, Host, Image, Result};

/// The root image's name in an image.
pub(crate) fn root_file() -> Result<RootFile> {
    RootFile::parse("squashfs.img")
}

/// Makes a new root image beside the one in service and puts it in its place, together with the image's record.
pub(crate) fn replace(
    image: &Image,
    host: &Host<'_>,
    make: impl FnOnce(&Utf8Path) -> Result<()>,
) -> Result<()> {
    let root = root_file()?;
    // On the file system of the images, so that a rename is enough, and in nobody's served directory.
    let aside = host.paths()?.images.join(format!(".{root}-{}", image.name()));
    host.acquire_file(&aside, Hold::Action)?;
    make(&aside)?;
    host.publish_with(image, &aside, &root.of(image))
}
