//! Versions by their names in the index of the layout, for servers that have versions of others and no record of their own of them.

use super::{Store, of_layout};
use disklessset_oci::{
    layout::Layout as Oci,
    names::{Digest, VersionName},
};
use disklessset_plugin_api::Result;

impl Store<'_> {
    /// The manifest that has the name of a version; nothing where none has it.
    ///
    /// # Errors
    /// When the index cannot be read or understood.
    pub(crate) fn named(&self, version: &VersionName) -> Result<Option<Digest>> {
        if !self.layout.has_oci() {
            return Ok(None);
        }
        let index = Oci::index_of(&self.layout.oci_dir()).map_err(of_layout)?;
        Ok(index.find(&version.ref_name()).map(|entry| entry.digest))
    }
}
