//! The size of the blocks of a root image: as the user says, and from then on as it was.

use disklessset_kit::{live::root_image, squashfs::BlockSize};
use disklessset_plugin_api::{Error, Host, Image, Result};

/// The attribute for it; an image without it has the usual one.
const ATTRIBUTE: &str = "block_size";

/// That of an image.
///
/// # Errors
/// When its record has another word.
pub(crate) fn of(image: &Image) -> Result<BlockSize> {
    let word = image.get::<String>(ATTRIBUTE)?;
    word.map_or(Ok(BlockSize::USUAL), |word| word.parse())
}

/// Puts the size that a user asked for on record.
///
/// # Errors
/// When the class of the image packs no squashfs files.
pub(crate) fn choose(image: &mut Image, wanted: Option<BlockSize>, host: &Host<'_>) -> Result<()> {
    check(image, wanted, host)?;
    if let Some(wanted) = wanted {
        image.set(ATTRIBUTE, wanted.to_string());
    }
    Ok(())
}

/// Refuses a size of blocks for a class that packs no squashfs files.
pub(crate) fn check(image: &Image, wanted: Option<BlockSize>, host: &Host<'_>) -> Result<()> {
    if wanted.is_none() || !root_image::compressions(image, host)?.is_empty() {
        return Ok(());
    }
    Err(Error::usage(format!("images of class {} have no blocks of squashfs", image.class())))
}

/// Refuses a size of blocks for an image that is mounted.
pub(crate) fn refuse_while_mounted(image: &Image, wanted: Option<BlockSize>) -> Result<()> {
    match wanted {
        None => Ok(()),
        Some(_) => {
            Err(Error::refused(format!("image {} is mounted: its blocks stay as they are", image.name()))
                .hint("unmount it first"))
        }
    }
}
