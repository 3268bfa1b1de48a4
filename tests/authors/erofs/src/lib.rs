//! Images that run from RAM on EROFS: files are found faster than in squashfs, read with less memory, and POSIX ACLs are kept.
//!
//! Only the root image is this module's own; everything else is its base's, the class `LivenetImage`.
#![forbid(unsafe_code)]

mod compression;
mod inherited;
mod root_image;
mod superblock;
#[cfg(test)]
mod tests;

use compression::Compression;
use disklessset_kit::{live, os_tree::params};
use disklessset_plugin_api::{
    ActionSpec, Arguments, Attributes, DerivedImageClass, Host, Image, Result, declare_module,
};
use root_image::Erofs;
use serde_json::Value;

/// The class, as the note names it.
const CLASS: &str = "ErofsImage";

/// The class of images that run from RAM on EROFS.
struct ErofsImage;

impl DerivedImageClass for ErofsImage {
    /// In place of the base's `create`: no layout to choose, a compression instead.
    fn actions(&self) -> Vec<ActionSpec> {
        let create = ActionSpec::create("Create an EROFS image")
            .help("Create an image that nodes download and run from RAM, on EROFS");
        vec![
            params::of_live_image(vec![compression::parameter()]).into_iter().fold(create, ActionSpec::param),
        ]
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Option<()>> {
        let compression = Compression::from_arguments(args)?;
        root_image::check_tool(image, compression, host)?;
        compression.record(image);
        inherited::create_new_image(CLASS, image, args, host).map(Some)
    }

    fn step(
        &self,
        step: &str,
        image: &mut Image,
        attrs: &Attributes,
        host: &Host<'_>,
    ) -> Result<Option<Value>> {
        live::root_image::answer(&Erofs, step, image, attrs, host)
    }
}

declare_module! {
    name: "erofs",
    title: "Images that run from RAM, on EROFS",
    classes: { "ErofsImage": "LivenetImage" "^0.1" => ErofsImage },
}
