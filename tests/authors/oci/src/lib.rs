//! Images that run from RAM and are kept as their OCI layout has them: labels and digest are attributes, nothing is edited here, and
//! `update` takes over what the layout has become.
#![forbid(unsafe_code)]

mod attributes;
mod making;
mod parameters;
mod publishing;
mod show;
mod tree;
mod verify;

use camino::Utf8PathBuf;
use disklessset_kit::{
    live::{self, needs},
    squashfs::{Layout, Superblock, names_in},
};
use disklessset_plugin_api::{
    Action, Arguments, BootContext, Command, Error, Finding, Host, Image, ImageClass, ImageName, Kernel,
    Result, declare_module,
};
use parameters::{OciLayout, Update};
use publishing::root_file;
use serde_json::Value;

/// The class of images that are kept as an OCI layout has them.
struct OciImage;

impl ImageClass for OciImage {
    /// What edits an image is not among them: the layout is edited, and the image updated.
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::create(
                "Create an image from an OCI layout",
                |_, image, (layout, others): (OciLayout, Arguments), host| {
                    making::create(image, &parameters::request(layout, others, host)?, host)
                },
            )
            .params(parameters::of_any_tree()),
            Action::change(
                "update",
                "Bring an image up to date with its OCI layout",
                |_, image, wanted: Update, host| making::update(image, wanted.again, host),
            )
            .help("Make an image again when its OCI layout has changed; the old one serves until the new one is whole"),
        ]
    }

    /// Everything outside of the directory is on the host's record.
    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    /// As for removal.
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        live::boot_file(image, boot, &live::Booted { kind: "oci", file: &root_file()?, layout: Layout::Flat })
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        let (from, to) = (root_file()?.of(source), root_file()?.of(image));
        let whole = Superblock::read(&from)?;
        host.run(&Command::new("cp").args(["--reflink=auto", "--", from.as_str(), to.as_str()]))?;
        match Superblock::read(&to)? == whole {
            true => Ok(()),
            false => Err(Error::failed(format!("the copy {to} is not the same as {from}"))),
        }
    }

    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
        let modules = names_in(&root_file()?.of(image), "usr/lib/modules", host)?;
        if !modules.iter().any(|version| version == kernel.version.as_str()) {
            needs::warn_without_modules(image, kernel, host);
        }
        needs::check_flat(image, kernel, "", host)?;
        image.set_kernel(kernel);
        Ok(())
    }

    fn show(&self, image: &Image, _host: &Host<'_>) -> Result<Value> {
        show::show(image)
    }

    fn verify(&self, image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
        verify::verify(image, host)
    }

    fn os_tree(&self, image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
        tree::show(image, host)
    }
}

declare_module! {
    name: "oci",
    title: "Images that are kept as an OCI layout has them",
    classes: { "OciImage" => OciImage },
}
