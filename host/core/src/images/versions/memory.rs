//! The memory that versions were found to need.

use crate::{images::manager::ImageManager, versions::VersionReference};
use disklessset_plugin_api::Result;

impl ImageManager<'_> {
    /// Notes the memory, in mebibytes, with which a version came up and with three quarters of which it did not. An image without versions
    /// has no place for it.
    ///
    /// # Errors
    /// When there is no such version, or the image is busy.
    pub fn note_memory(&self, reference: &VersionReference, mebibytes: u32) -> Result<()> {
        let name = &reference.image;
        if self.store().history(name)?.versions().is_empty() {
            return Ok(());
        }
        let (_lock, _) = self.lock_and_load(name, "note the memory of")?;
        let found = self.find(reference)?;
        self.store().note_memory(name, found.version.number, mebibytes)
    }
}
