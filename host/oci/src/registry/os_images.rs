//! Images of operating systems, as podman, buildah and bootc push them: which one is meant, what of it is fetched, and fetching it.

use super::{
    Progress, Registry, RegistryError,
    os_manifest::{self, Kind, Layers},
};
use crate::{
    layout::{Entry, Layout},
    manifest::Blob,
    names::{Digest, Target},
};

/// Indexes in indexes: two are usual.
const DEEPEST: usize = 4;

/// An image of an operating system in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsImage {
    /// The digest of its manifest, which is that of one platform.
    pub digest: Digest,
    /// What it is for, in the words of container images: `amd64`.
    pub architecture: String,
    media_type: String,
    manifest: Vec<u8>,
    config: Blob,
    layers: Vec<Blob>,
}

impl OsImage {
    /// How many layers it has.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Bytes of all that is fetched.
    pub fn size(&self) -> u64 {
        // Checked when it was read.
        self.blobs().fold(self.manifest.len() as u64, |sum, blob| sum.saturating_add(blob.size))
    }

    fn blobs(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

impl Registry {
    /// Finds an image and checks all about it but its layers. Of an index the image for this machine is taken. One for another
    /// architecture is taken only when it is named by its own digest.
    ///
    /// # Errors
    /// As [`Self::manifest`]; something that is no image of an operating system, or one without what this machine needs; both are said.
    pub fn os_image(&self, target: &Target) -> Result<OsImage, RegistryError> {
        let mut target = target.clone();
        let mut through_index = false;
        for _ in 0..DEEPEST {
            let found = self.manifest(&target)?;
            let unfit = |why: String| RegistryError::Unfit {
                what: format!("{}/{}:{target}", self.host(), self.repository).replace(":sha256:", "@sha256:"),
                why,
            };
            match os_manifest::read(&found.bytes).map_err(unfit)? {
                Kind::Index(entries) => {
                    let chosen = os_manifest::of_this_machine(&entries).map_err(unfit)?;
                    through_index = true;
                    target = Target::Digest(chosen);
                }
                Kind::Image(Layers { media_type, config, layers }) => {
                    let text = self.small_blob(&config.digest, config.size)?;
                    let platform = os_manifest::platform(&text).map_err(unfit)?;
                    let named = matches!(target, Target::Digest(_)) && !through_index;
                    if !named {
                        platform.must_be_of_this_machine().map_err(unfit)?;
                    }
                    return Ok(OsImage {
                        digest: found.digest,
                        architecture: platform.architecture,
                        media_type,
                        manifest: found.bytes,
                        config,
                        layers,
                    });
                }
            }
        }
        Err(RegistryError::wrong(self.host(), "the manifest", "indexes lie too deep in each other"))
    }

    /// Brings an image into a layout, under a name: its blobs, its manifest, its entry.
    ///
    /// # Errors
    /// As [`Self::pull_blob`]; what the system refuses.
    pub fn pull_os_image(
        &self,
        image: &OsImage,
        layout: &Layout,
        name: &str,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RegistryError> {
        for blob in image.blobs() {
            self.pull_blob(&blob.digest, blob.size, layout, progress)?;
        }
        let put = layout.put_bytes(&image.manifest)?;
        let mut index = layout.index()?;
        index.insert(Entry::of_type(&image.media_type, put.digest, put.size, name));
        Ok(layout.replace_index(&index)?)
    }
}
