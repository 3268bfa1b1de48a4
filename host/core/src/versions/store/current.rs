//! The version that nodes get of an image, as its boot file says.

use super::{super::Marker, Store};
use crate::{failure, system::atomic_file};
use disklessset_plugin_api::Result;

/// How a node boots an image; the file says which version it boots.
pub(crate) const BOOT_FILE: &str = "boot.ipxe";

/// The most that is read of one.
const MOST_BYTES: u64 = 1 << 20;

impl Store<'_> {
    /// The version that nodes get of an image: what its boot file says, where that is one of this image.
    ///
    /// # Errors
    /// When the system does not let it be read: what is not known to be current could be taken for what may go.
    pub(crate) fn current(&self, name: &str) -> Result<Option<Marker>> {
        Ok(self.marker(name)?.filter(|marker| marker.version.name() == name))
    }

    /// What the boot file of an image says it boots, of whichever image.
    ///
    /// # Errors
    /// When the system does not let it be read.
    pub(in crate::versions) fn marker(&self, name: &str) -> Result<Option<Marker>> {
        use std::io::ErrorKind as K;
        let text = match atomic_file::read_bounded(&self.layout.image_dir(name).join(BOOT_FILE), MOST_BYTES) {
            // None, or something that no boot file of ours is.
            Err(error) if matches!(error.kind(), K::NotFound | K::FileTooLarge | K::InvalidInput) => {
                return Ok(None);
            }
            read => read.map_err(failure::of)?,
        };
        Ok(Marker::find(&String::from_utf8_lossy(&text)))
    }
}
