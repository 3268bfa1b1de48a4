//! The blobs of the layout as a whole: looked at, and named anew by who fills the layout from elsewhere.

use super::{super::Version, Store, of_layout, removal::PARTIALS};
use crate::system::failpoint::failpoint;
use disklessset_oci::{
    layout::{Index, Layout as Oci, LayoutError},
    names::{Digest, VersionNumber},
};
use disklessset_plugin_api::Result;
use std::collections::BTreeMap;

impl Store<'_> {
    /// The layout, for who fills it from elsewhere.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub(crate) fn layout_of_blobs(&self) -> Result<Oci> {
        self.oci()
    }

    /// Changes the index, under its lock, and removes what is in nothing of it then.
    ///
    /// # Errors
    /// Those of the change; when something cannot be written or removed.
    pub(crate) fn with_index(&self, change: impl FnOnce(&Oci, &mut Index) -> Result<()>) -> Result<()> {
        let _lock = self.lock()?;
        let oci = self.oci()?;
        let mut index = oci.index().map_err(of_layout)?;
        change(&oci, &mut index)?;
        oci.replace_index(&index).map_err(of_layout)?;
        failpoint!("versions: the index replaced", self.layout.oci_dir());
        for blob in oci.blobs_not_named_by(&index).map_err(of_layout)? {
            oci.remove_blob(&blob.digest).map_err(of_layout)?;
            failpoint!("versions: a blob removed", self.layout.oci_dir());
        }
        oci.sweep(PARTIALS).map_err(of_layout)
    }

    /// What is wrong with the manifest and the files of a version.
    ///
    /// # Errors
    /// When a stop is asked for, or the system does not let it be read.
    pub(crate) fn faults_of(&self, digest: &Digest) -> Result<Vec<String>> {
        let artifact = match self.artifact(digest) {
            Ok(artifact) => artifact,
            Err(error) => return Ok(vec![error.to_string()]),
        };
        let oci = self.oci()?;
        let mut faults = Vec::new();
        for (title, file) in artifact.files() {
            match oci.trust(&file.digest) {
                Ok(_) => {}
                Err(error @ (LayoutError::Missing(_) | LayoutError::Damaged { .. })) => {
                    faults.push(format!("{title}: {error}"));
                }
                Err(error) => return Err(of_layout(error)),
            }
        }
        Ok(faults)
    }

    /// What is wrong with the blobs of versions, digest by digest.
    ///
    /// # Errors
    /// When the manifest of one cannot be read, or a stop is asked for.
    pub(crate) fn damaged(&self, versions: &[&Version]) -> Result<BTreeMap<VersionNumber, Vec<String>>> {
        let mut faults: BTreeMap<VersionNumber, Vec<String>> = BTreeMap::new();
        for version in versions {
            let found = self.faults_of(&version.digest)?;
            if !found.is_empty() {
                faults.insert(version.number, found);
            }
        }
        Ok(faults)
    }
}
