//! Nodes and pools that come from another boot server, as a whole: nothing of them is changed here.

use super::{
    Inventory, NodeFile, NodeManager,
    boot_files::{self, BootFiles, Wanted},
    pending,
};
use crate::versions::VersionReference;
use disklessset_plugin_api::Result;

impl NodeManager<'_> {
    /// Refuses nodes and pools of another server that cannot be served from here. `text_of` has the boot file of each image or version that
    /// is going to be here.
    ///
    /// # Errors
    /// When nodes cannot fetch boot files from here; when something that is named will not be here; a kernel line that gets too long.
    pub(crate) fn check_received(
        &self,
        inventory: &Inventory,
        text_of: &dyn Fn(&VersionReference) -> Option<String>,
    ) -> Result<()> {
        BootFiles::of(self.site)?;
        let faults = boot_files::faults_of_received(self.site, inventory, text_of)?;
        faults.into_values().next().map_or(Ok(()), Err)
    }

    /// Whether these are the nodes and pools here, and all of their boot files are what they must be.
    ///
    /// # Errors
    /// When a boot file cannot be read.
    pub(crate) fn has_received(&self, inventory: &Inventory) -> Result<bool> {
        // A record that cannot be understood is another one.
        let same = self.inventory().is_ok_and(|known| known == *inventory);
        Ok(same && !self.is_unfinished() && self.boot_files_to_renew()?.is_none())
    }

    /// Has these nodes and pools instead of those that are here: on record first, then their boot files. What they name is here.
    ///
    /// # Errors
    /// When something cannot be written.
    pub(crate) fn receive(&self, inventory: &Inventory) -> Result<()> {
        let file = NodeFile::of(&self.site.layout);
        let lock = file.lock("mirror", self.site.wait)?;
        if self.inventory().ok().as_ref() != Some(inventory) {
            pending::begin(&self.site.layout)?;
            file.save(inventory, &lock)?;
        }
        self.bring(inventory, &lock).map(drop)
    }

    /// Forgets all nodes and pools: the record first, then their boot files.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub(crate) fn forget_all(&self) -> Result<()> {
        let file = NodeFile::of(&self.site.layout);
        let lock = file.lock("mirror", self.site.wait)?;
        pending::begin(&self.site.layout)?;
        file.remove(&lock)?;
        boot_files::bring(self.site, &Wanted::new())?;
        pending::end(&self.site.layout)
    }

    /// Whether there is a node file, whatever is in it.
    pub(crate) fn has_file(&self) -> bool {
        self.site.layout.nodes_file().symlink_metadata().is_ok()
    }
}
