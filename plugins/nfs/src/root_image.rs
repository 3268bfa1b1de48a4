//! `NfsImage`: what staging and golden images have in common. Nobody creates one by itself.

use crate::{
    checking, exporting, inside,
    parameters::{Exec, ExportTo, Inside},
};
use disklessset_plugin_api::{
    Action, ActionCheck, BootContext, Error, Host, Image, ImageClass, ImageName, Refusal, Result,
};

/// The base of both classes.
pub(crate) struct NfsImage;

fn abstract_class() -> Error {
    Error::usage("NfsImage is a base for other classes: create a staging or a golden image")
}

impl ImageClass for NfsImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::change(
                "exec",
                "Run a command inside an image",
                |_, image, (inside, wanted): (Inside, Exec), host| {
                    inside::exec(image, inside.node, &wanted.command, host)
                },
            )
            .help("Run a command inside the tree of an image, or of one node of a golden image"),
            Action::change("shell", "Open a shell inside an image", |_, image, wanted: Inside, host| {
                inside::shell(image, wanted.node, host)
            })
            .help("Open a shell inside the tree of an image, or of one node of a golden image")
            .needs_terminal(),
            Action::change("export", "Export an image to its nodes", |_, image, wanted: ExportTo, host| {
                exporting::export(image, wanted, host)
            })
            .help("Write the export lines that let nodes mount an image, and reload the NFS server"),
            Action::change("unexport", "Withdraw the export of an image", |_, image, (), host| {
                exporting::unexport(image, host)
            }),
            Action::overview("exports", "List what is exported", |_, (), host| exporting::overview(host)),
        ]
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

    fn check(&self, action: &ActionCheck<'_>, image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>> {
        checking::check(action, image, host)
    }
}
