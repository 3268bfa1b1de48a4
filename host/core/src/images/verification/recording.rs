//! Digests and signatures, put on record anew.

use crate::{
    images::{actions::Changed, host_action::HostAction, manager::ImageManager},
    integrity::{Digests, Signer},
    kernels,
    operation::manifest,
    records::{ImageStatus, file_names},
};
use camino::Utf8Path;
use disklessset_plugin_api::{ImageName, Result};

impl ImageManager<'_> {
    /// Puts the digests of an image's files on record, writes its boot file anew, and signs where the site signs.
    ///
    /// # Errors
    /// When the image is not there, or it cannot be done.
    pub fn record_digests(&self, name: &ImageName, digests: Digests) -> Result<()> {
        self.site
            .observed(HostAction::RecordDigests.name(), name.as_str(), || self.put_on_record(name, digests))
    }

    fn put_on_record(&self, name: &ImageName, digests: Digests) -> Result<()> {
        self.get_created_image(name)?;
        self.changing(name, HostAction::RecordDigests.name(), |_operation, _image| {
            Ok(Changed { digests, ..Changed::of(()) })
        })
    }

    /// The created images of which something is not on record yet, or not signed.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn unrecorded(&self) -> Result<Vec<ImageName>> {
        let signer = self.site.signer();
        let mut found = Vec::new();
        for listed in self.list()? {
            if listed.status != ImageStatus::Created || listed.problem.is_some() {
                continue;
            }
            let Ok(name) = ImageName::parse(&listed.name) else { continue };
            let directory = self.site.layout.image_dir(name.as_str());
            let manifest = manifest::load(&directory)?;
            let known = manifest.unwrap_or_default();
            let listed_all = manifest::files_of(&directory)?.iter().all(|file| known.get(file).is_some());
            if !listed_all || is_unsigned(&directory, signer.as_ref())? {
                found.push(name);
            }
        }
        Ok(found)
    }
}

fn is_unsigned(directory: &Utf8Path, signer: Option<&Signer>) -> Result<bool> {
    let Some(signer) = signer else { return Ok(false) };
    for (file, signature) in file_names::SIGNED {
        let file = directory.join(file);
        if !file.is_file() || kernels::signed(signer, &file, &directory.join(signature))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
