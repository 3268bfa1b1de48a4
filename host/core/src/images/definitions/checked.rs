//! A definition whose values are checked.

use super::{DefinitionChange, differences, digests::FileDigests, file::Definition};
use crate::{images::manager::ImageManager, versions::MadeFrom};
use disklessset_plugin_api::{ActionSpec, Arguments, Error, Image, Result};

/// What an image is to be made from.
pub(super) struct Checked {
    pub(super) action: ActionSpec,
    pub(super) arguments: Arguments,
    pub(super) made_from: MadeFrom,
}

impl Checked {
    /// How it differs from what an image was made from.
    pub(super) fn changes_since(&self, old: &MadeFrom) -> Vec<DefinitionChange> {
        differences::between(old, &self.made_from, &self.action.params, &self.arguments)
    }
}

/// An error about the file of a definition.
pub(super) fn of_file(definition: &Definition, error: Error) -> Error {
    match definition.path.as_str() {
        "" => error,
        path => error.context(format!("cannot use {path}")),
    }
}

impl ImageManager<'_> {
    /// Checks the values of a definition: what each must be, and whether what it names is there.
    pub(super) fn checked(&self, definition: &Definition, digests: &FileDigests) -> Result<Checked> {
        let of_file = |error| of_file(definition, error);
        let action = self.creation(&definition.image_class).map_err(of_file)?;
        let arguments = self
            .checked_arguments(&definition.image_class, &action, definition.given.clone())
            .map_err(of_file)?;
        let of = (&action, &arguments);
        let made_from = self.made_from(&definition.image_class, of, &definition.secret_files, digests)?;
        Ok(Checked { action, arguments, made_from })
    }

    /// Has the class look at what it is to make the image from.
    pub(super) fn checked_by_class(&self, definition: &Definition, checked: &Checked) -> Result<()> {
        let (name, class) = (&definition.name, &definition.image_class);
        let directory = self.site.layout.image_dir(name.as_str());
        let image = Image::new(name.clone(), class, [].into(), directory);
        self.class_check(&image, &checked.action.words, &checked.arguments)
            .map_err(|error| of_file(definition, error))
    }
}
