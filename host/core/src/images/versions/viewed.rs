//! A version as an image: its files in a directory, and its record.

use super::{
    Found,
    current::{belongs_to, kernel_of},
};
use crate::{
    images::{host_action::HostAction, manager::ImageManager},
    versions::{FilesByName, VersionReference},
};
use camino::Utf8Path;
use disklessset_plugin_api::{Image, ImageName, Result};

impl ImageManager<'_> {
    /// Clones a version under a new name.
    ///
    /// # Errors
    /// As [`ImageManager::clone_image`]; when there is no such version, or one of its files is missing or damaged.
    pub fn clone_version(&self, from: &VersionReference, name: &ImageName) -> Result<()> {
        self.site.observed(HostAction::Clone.name(), name.as_str(), || {
            self.must_be_free(name)?;
            let (_source, image) = self.lock_and_load(&from.image, "clone from")?;
            let found = self.find(from)?;
            let kernel = kernel_of(&found.version).map(|kernel| kernel.version);
            self.clone_filled(&image, name, kernel, &|operation| {
                operation.make_from(found.version.made_from.clone());
                let view = operation.staging(&self.site.layout.images_dir(), "version")?;
                self.give_version(from, &view)?;
                self.image_of_version(from, &from.image, &view)
            })
        })
    }

    /// The files of a version, or of the current one.
    pub(in crate::images) fn files_of_version(&self, reference: &VersionReference) -> Result<FilesByName> {
        Ok(self.store().read(&self.find(reference)?.version.digest)?.0)
    }

    /// Puts the files of a version into a directory, those of its kernel left out; false when it has no others.
    pub(in crate::images) fn give_version(
        &self,
        reference: &VersionReference,
        directory: &Utf8Path,
    ) -> Result<bool> {
        let own = self.own_files(&self.find(reference)?)?;
        self.store().give(&own, directory)?;
        Ok(!own.is_empty())
    }

    /// A version as an image with this name, whose files lie in a directory.
    pub(in crate::images) fn image_of_version(
        &self,
        reference: &VersionReference,
        name: &ImageName,
        directory: &Utf8Path,
    ) -> Result<Image> {
        let (image, found) = (self.records.load(&reference.image)?, self.find(reference)?);
        let whole = !self.own_files(&found)?.is_empty();
        let record = self.record_of(&image, &found.version, whole)?;
        Ok(Image::new(name.clone(), image.class(), record.attributes, directory.to_owned()))
    }

    fn own_files(&self, found: &Found) -> Result<FilesByName> {
        let (mut files, _) = self.store().read(&found.version.digest)?;
        let kernel = kernel_of(&found.version);
        files.retain(|file, _| !kernel.as_ref().is_some_and(|kernel| belongs_to(kernel, file)));
        Ok(files)
    }
}
