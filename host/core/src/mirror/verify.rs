//! Whether a mirror has what it says it has.

use super::{MirrorManager, served};
use crate::versions::{self, Marker, Store};
use disklessset_oci::names::Digest;
use disklessset_plugin_api::Result;
use std::collections::BTreeMap;

/// What nodes and pools are called among what is verified: no image has such a name.
const POOLS: &str = "nodes and pools";

impl MirrorManager<'_> {
    /// What is wrong with the images of a mirror, by their names: blobs that are missing or damaged, boot files that are others. All of it
    /// is mended by the next run.
    ///
    /// # Errors
    /// When something cannot be read, or a stop is asked for.
    pub fn verify(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let store = Store::of(&self.site.layout);
        let mut faults: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let Some(state) = self.state()? else { return Ok(faults) };
        let oci = store.layout_of_blobs()?;
        let index = oci.index().map_err(versions::of_layout)?;
        let texts = served::now(self.site)?;
        for (name, image) in &state.images {
            let mut tell = |text: String| faults.entry(name.clone()).or_default().push(text);
            for number in &image.versions {
                let version = disklessset_oci::names::VersionName::new(name, *number);
                let version =
                    version.map_err(|cause| disklessset_plugin_api::Error::failed(cause.to_string()))?;
                let Some(entry) = index.find(&version.ref_name()) else {
                    tell(format!("{version} is not in the index"));
                    continue;
                };
                store
                    .faults_of(&entry.digest)?
                    .into_iter()
                    .for_each(|text| tell(format!("{version}: {text}")));
                if image.current != Some(*number) {
                    continue;
                }
                match self.boot_file(&store, version, entry.digest) {
                    Ok(text) if texts.get(name) == Some(&text) => {}
                    Ok(_) => tell("its boot file is another than that of its current version".to_owned()),
                    Err(error) => tell(error.to_string()),
                }
            }
        }
        if let Some(pools) = &state.pools {
            let found = self.faults_of_pools(pools);
            faults.entry(POOLS.to_owned()).or_default().extend(found);
        }
        for name in texts.keys().filter(|name| !state.images.contains_key(*name)) {
            faults.entry(name.clone()).or_default().push("no repository has it".to_owned());
        }
        Ok(faults)
    }

    fn boot_file(
        &self,
        store: &Store<'_>,
        version: disklessset_oci::names::VersionName,
        digest: Digest,
    ) -> Result<String> {
        let (_, text) = store.read(&digest)?;
        let marker = Marker { version, digest };
        Ok(versions::with_prelude(&text, Some(&marker), &self.site.layout, &self.site.configuration))
    }
}
