//! The nodes and pools that a mirror has of another server.

use super::{MirrorManager, MirrorState, PoolSource, wanted::WantedImage};
use crate::{
    nodes::{Inventory, NodeManager},
    site::Site,
    system::failpoint::failpoint,
    versions::{VersionReference, VersionWord},
};
use disklessset_oci::names::Digest;
use disklessset_plugin_api::{Error, ImageName, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is on record of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirroredPools {
    /// Where they come from, with the tag.
    pub repository: String,
    /// The digest of the text of all of them, as this server writes it.
    pub digest: String,
}

/// Nodes and pools as they are to be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedPools {
    repository: String,
    pub(super) inventory: Inventory,
}

impl WantedPools {
    /// Asks for them.
    ///
    /// # Errors
    /// When they cannot be had, are none, or name something that none of these images is.
    pub(super) fn of(
        source: &dyn PoolSource,
        images: &BTreeMap<ImageName, WantedImage>,
        site: &Site,
    ) -> Result<Self> {
        let repository = source.address().to_owned();
        let about =
            |error: Error| error.context(format!("cannot mirror the nodes and pools of {repository}"));
        let bytes = source.record().map_err(about)?;
        let text = std::str::from_utf8(&bytes).map_err(|cause| Error::refused(cause.to_string()));
        let inventory = text.and_then(|text| Ok(Inventory::parse(text)?)).map_err(about)?;
        let text_of = |named: &VersionReference| boot_file(images, named);
        NodeManager::new(site).check_received(&inventory, &text_of).map_err(about)?;
        Ok(Self { repository, inventory })
    }

    /// How many there are, in words.
    pub(super) fn in_words(&self) -> String {
        format!("{} nodes in {} pools", self.inventory.nodes().len(), self.inventory.pools().len())
    }

    fn on_record(&self) -> Result<MirroredPools> {
        Ok(MirroredPools { repository: self.repository.clone(), digest: digest_of(&self.inventory)? })
    }
}

/// The boot file of what is named, as it is going to be here.
fn boot_file(images: &BTreeMap<ImageName, WantedImage>, named: &VersionReference) -> Option<String> {
    let image = images.get(&named.image)?;
    let version = match &named.version {
        None => image.current().map(|(_, version)| version),
        Some(VersionWord::Number(number)) => image.versions.get(number),
        // Tags stay where they are.
        Some(VersionWord::Tag(_)) => None,
    };
    version.map(|version| version.boot_file.clone())
}

fn digest_of(inventory: &Inventory) -> Result<String> {
    Ok(Digest::of(inventory.to_text()?.as_bytes()).to_string())
}

impl MirrorManager<'_> {
    /// What would be done to nodes and pools, a line where anything would be.
    pub(super) fn plan_of_pools(&self, wanted: Option<&WantedPools>) -> Result<Option<String>> {
        let nodes = NodeManager::new(self.site);
        Ok(match wanted {
            Some(pools) if nodes.has_received(&pools.inventory)? => None,
            Some(pools) => Some(format!("change nodes and pools: {}", pools.in_words())),
            None => {
                let has = self.state()?.is_some_and(|state| state.pools.is_some());
                has.then(|| "forget all nodes and pools".to_owned())
            }
        })
    }

    /// Brings nodes and pools to what they are to be, once their images are here. Whose they are is on record before the first is here, and
    /// until the last one is gone. What was done is told, if anything was.
    pub(super) fn bring_pools(
        &self,
        wanted: Option<&WantedPools>,
        state: &mut MirrorState,
    ) -> Result<Option<String>> {
        let (nodes, layout) = (NodeManager::new(self.site), &self.site.layout);
        match wanted {
            Some(pools) => {
                let known = nodes.has_received(&pools.inventory)?;
                let record = Some(pools.on_record()?);
                if state.pools != record {
                    state.pools = record;
                    state.save(layout)?;
                    failpoint!("mirror: whose nodes they are is on record", layout.state_dir());
                }
                if known {
                    return Ok(None);
                }
                nodes.receive(&pools.inventory)?;
                Ok(Some(format!("changed nodes and pools: {}", pools.in_words())))
            }
            None if state.pools.is_some() => {
                nodes.forget_all()?;
                state.pools = None;
                state.save(layout)?;
                Ok(Some("forgot all nodes and pools".to_owned()))
            }
            None => Ok(None),
        }
    }

    /// What is wrong with the nodes and pools that came from another server.
    pub(super) fn faults_of_pools(&self, pools: &MirroredPools) -> Vec<String> {
        let nodes = NodeManager::new(self.site);
        let same = nodes.inventory().and_then(|known| digest_of(&known)).is_ok_and(|is| is == pools.digest);
        let other = format!("nodes and pools are others than those of {}", pools.repository);
        let changed = (!same).then_some(other);
        changed.into_iter().chain(nodes.faults().into_iter().map(|fault| fault.text)).collect()
    }
}
