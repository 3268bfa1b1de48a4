//! Images that nodes download and run from RAM.
#![forbid(unsafe_code)]

mod actions;
mod block;
mod clone;
mod compression;
mod create;
mod exec;
mod existing;
mod mount;
mod of_1x;
mod pack;
mod parameters;
mod recover;
mod resize;
mod show;
mod squashfs;
mod unmount;
mod verify;

#[cfg(test)]
mod tests;

use camino::Utf8PathBuf;
use disklessset_kit::{
    live::{self, root_image},
    os_tree,
};
use disklessset_plugin_api::{
    Action, ActionCheck, Attributes, BootContext, Error, Finding, Host, Image, ImageClass, ImageName, Kernel,
    Refusal, Result, declare_module,
};
use serde_json::Value;

/// The class of images that run from RAM.
struct LivenetImage;

impl ImageClass for LivenetImage {
    fn actions(&self) -> Vec<Action<Self>> {
        actions::all()
    }

    /// Mounts and the work area are on the host's record, which it undoes; there is nothing else outside the directory.
    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    /// As for removal.
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, host: &Host<'_>) -> Result<String> {
        let format = root_image::format(image, host)?;
        let layout = existing::recorded_layout(image);
        live::boot_file(image, boot, &live::Booted { kind: &format.module, file: &format.file, layout })
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        clone::clone(source, image, host)
    }

    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
        existing::check_kernel(image, kernel, host)?;
        image.set_kernel(kernel);
        existing::record_places(image, host)
    }

    fn show(&self, image: &Image, host: &Host<'_>) -> Result<Value> {
        show::show(image, host)
    }

    fn recovered(&self, image: &mut Image, action: &str, host: &Host<'_>) -> Result<Option<String>> {
        recover::recovered(image, action, host)
    }

    fn step(&self, step: &str, image: &mut Image, attrs: &Attributes, host: &Host<'_>) -> Result<Value> {
        if let Some(answer) = root_image::answer(&squashfs::Squashfs, step, image, attrs, host)? {
            return Ok(answer);
        }
        Err(Error::not_defined(step))
    }

    fn check(&self, action: &ActionCheck<'_>, _image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>> {
        os_tree::check_given(action, host)
    }

    fn verify(&self, image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
        verify::verify(image, host)
    }

    fn os_tree(&self, image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
        mount::show_tree(image, host)
    }
}

declare_module! {
    name: "livenet",
    title: "Images that run from RAM",
    classes: { "LivenetImage" => LivenetImage },
}
