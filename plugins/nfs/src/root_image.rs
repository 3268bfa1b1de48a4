//! `NfsImage`: what staging and golden images have in common. Nobody creates one by itself.

use crate::{checking, exporting, inside, parameters};
use disklessset_plugin_api::{
    ActionCheck, ActionSpec, Arguments, BootContext, Error, Host, Image, ImageClass, ImageName, Refusal,
    Result,
};
use serde_json::Value;

/// The base of both classes.
pub(crate) struct NfsImage;

fn abstract_class() -> Error {
    Error::usage("NfsImage is a base for other classes: create a staging or a golden image")
}

impl ImageClass for NfsImage {
    fn actions(&self) -> Vec<ActionSpec> {
        parameters::of_every_image()
    }

    fn create_new_image(&self, _image: &mut Image, _args: &Arguments, _host: &Host<'_>) -> Result<()> {
        Err(abstract_class())
    }

    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Err(abstract_class())
    }

    /// Trees are on the host's record.
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn get_boot_file_template(
        &self,
        _image: &Image,
        _boot: &BootContext,
        _host: &Host<'_>,
    ) -> Result<String> {
        Err(abstract_class())
    }

    fn clone_image(&self, _source: &Image, _image: &mut Image, _host: &Host<'_>) -> Result<()> {
        Err(abstract_class())
    }

    fn action(&self, words: &str, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        match words {
            "exec" => {
                let command: Vec<String> = args.need("command")?;
                inside::exec(image, args.get("node")?, &command, host)
            }
            "shell" => inside::shell(image, args.get("node")?, host),
            "export" => exporting::export(image, args, host),
            "unexport" => exporting::unexport(image, host),
            other => Err(Error::usage(format!("NFS images have no action {other}"))),
        }
    }

    fn check(&self, action: &ActionCheck<'_>, image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>> {
        checking::check(action, image, host)
    }

    fn overview(&self, words: &str, _args: &Arguments, host: &Host<'_>) -> Result<Value> {
        match words {
            "exports" => exporting::overview(host),
            other => Err(Error::usage(format!("NFS images have no action {other}"))),
        }
    }
}
