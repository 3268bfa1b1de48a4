//! What versions that go leave in the layout.

use disklessset_oci::{
    layout::{Index, Layout as Oci, LayoutError},
    names::Digest,
};

/// What is to be removed with versions that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// Every blob that no manifest of the index names: a version that was half made has some that its manifest never named.
    WhateverNobodyNames,
    /// What their own manifests name, and no other does. It takes next to the same time however many other versions there are.
    WhatItsManifestNames,
}

impl Leaves {
    /// The blobs to remove, once these manifests are out of the index.
    pub(super) fn of(self, leaving: &[Digest], oci: &Oci, index: &Index) -> Result<Vec<Digest>, LayoutError> {
        // A manifest that cannot be read leads nowhere: all blobs are looked at then.
        if self == Self::WhatItsManifestNames
            && let Ok(blobs) = oci.blobs_of_these_alone(leaving, index)
        {
            return Ok(blobs);
        }
        Ok(oci.blobs_not_named_by(index)?.into_iter().map(|blob| blob.digest).collect())
    }
}
