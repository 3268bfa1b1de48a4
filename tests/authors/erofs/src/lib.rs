//! Images that run from RAM on EROFS: files are found faster than in squashfs, read with less memory, and POSIX ACLs are kept.
//!
//! Only the root image is this module's own; everything else is its base's, the class `LivenetImage`.
#![forbid(unsafe_code)]

mod compression;
mod root_image;
mod superblock;
#[cfg(test)]
mod tests;

use compression::Compression;
use disklessset_kit::live;
use disklessset_plugin_api::{
    ActionSpec, Arguments, Attributes, DerivedImageClass, Host, Image, Result, declare_module,
};
use root_image::Erofs;
use serde_json::Value;

/// The class of images that run from RAM on EROFS.
struct ErofsImage;

impl DerivedImageClass for ErofsImage {
    /// The base's creation without a layout to choose, and with a compression instead.
    fn refine(&self, action: ActionSpec) -> Option<ActionSpec> {
        match action.words.as_str() {
            "create" => Some(
                action
                    .label("Create an EROFS image")
                    .help("Create an image that nodes download and run from RAM, on EROFS")
                    .without("layout")
                    .without("compression")
                    .without_need("mksquashfs")
                    .param(compression::parameter()),
            ),
            // The base's are those of squashfs.
            _ => Some(action.without("compression")),
        }
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        let compression = Compression::from_arguments(args)?;
        root_image::check_tool(image, compression, host)?;
        compression.record(image);
        host.base().create_new_image(image, args)
    }

    fn step(&self, step: &str, image: &mut Image, attrs: &Attributes, host: &Host<'_>) -> Result<Value> {
        match live::root_image::answer(&Erofs, step, image, attrs, host)? {
            Some(answer) => Ok(answer),
            None => host.base().step(step, image, attrs.clone()),
        }
    }
}

declare_module! {
    name: "erofs",
    title: "Images that run from RAM, on EROFS",
    classes: { "ErofsImage": "LivenetImage" "^0.1" => ErofsImage },
}
