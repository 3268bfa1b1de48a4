//! Reads and changes the nodes and pools of a site.

use super::{Inventory, NodeFile};
use crate::{Site, failure};
use disklessset_plugin_api::Result;

/// The nodes and pools of a site.
#[derive(Clone, Copy)]
pub struct NodeManager<'s> {
    site: &'s Site,
}

/// What a change of nodes and pools did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryChange {
    /// As it was.
    pub before: Inventory,
    /// As it is.
    pub after: Inventory,
}

impl<'s> NodeManager<'s> {
    /// Those of a site.
    pub fn new(site: &'s Site) -> Self {
        Self { site }
    }

    /// What is on record.
    ///
    /// # Errors
    /// When the node file cannot be read or understood.
    pub fn inventory(&self) -> Result<Inventory> {
        NodeFile::of(&self.site.layout).load()
    }

    /// Finds out what a change would do: all that [`Self::change`] checks is checked. Nothing is changed.
    ///
    /// # Errors
    /// As for [`Self::change`].
    pub fn plan(&self, edit: impl FnOnce(Inventory) -> Result<Inventory>) -> Result<InventoryChange> {
        let before = self.inventory()?;
        let after = edit(before.clone())?;
        Ok(InventoryChange { before, after })
    }

    /// Changes nodes and pools: on record first, then the boot files that are made from it. Waits for who does so already. `operation` says
    /// what is done, as a user would type it.
    ///
    /// # Errors
    /// Those of the edit; when something cannot be written.
    pub fn change(
        &self,
        operation: &str,
        edit: impl FnOnce(Inventory) -> Result<Inventory>,
    ) -> Result<InventoryChange> {
        self.site.prepare()?;
        let file = NodeFile::of(&self.site.layout);
        let lock = file.lock(operation, self.site.wait)?;
        let change = self.plan(edit)?;
        if change.after != change.before {
            file.save(&change.after, &lock)?;
        }
        Ok(change)
    }
}

impl From<super::InventoryError> for disklessset_plugin_api::Error {
    fn from(error: super::InventoryError) -> Self {
        failure::refused(error)
    }
}
