//! Nodes and pools as they go to other boot servers.

use super::{
    Inventory, NodeManager,
    boot_files::{self, Chosen},
};
use crate::versions::{VersionReference, VersionWord};
use disklessset_plugin_api::{Error, Result};

/// Nodes and pools for other boot servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentInventory {
    /// The text of the node file. The same nodes and pools have the same text.
    pub text: String,
    /// How many nodes there are.
    pub nodes: usize,
    /// How many pools there are.
    pub pools: usize,
}

impl NodeManager<'_> {
    /// What other boot servers are to have: the record itself, because boot files have addresses of this server. Tags are those of this
    /// server, too: instead of each one stands the version that it names now.
    ///
    /// # Errors
    /// When there are neither nodes nor pools; when one of them names an image or a version that is not there.
    pub fn to_send(&self) -> Result<SentInventory> {
        let inventory = self.inventory()?;
        if inventory == Inventory::default() {
            return Err(Error::refused("there are no nodes and no pools").hint("disklessset pool set --help"));
        }
        if let Some(error) = boot_files::faults(self.site, &inventory)?.into_values().next() {
            return Err(error);
        }
        let (mut nodes, mut pools) = inventory.into_parts();
        let of_pools = pools.values_mut().map(|pool| &mut pool.image);
        for named in of_pools.chain(nodes.values_mut().map(|node| &mut node.image)).flatten() {
            self.name_by_number(named)?;
        }
        let inventory = Inventory::new(nodes, pools)?;
        Ok(SentInventory {
            text: inventory.to_text()?,
            nodes: inventory.nodes().len(),
            pools: inventory.pools().len(),
        })
    }

    fn name_by_number(&self, named: &mut VersionReference) -> Result<()> {
        if let Some(VersionWord::Tag(_)) = named.version
            && let Chosen::Version { marker, .. } = Chosen::find(self.site, named)?
        {
            named.version = Some(VersionWord::Number(marker.version.number()));
        }
        Ok(())
    }
}
