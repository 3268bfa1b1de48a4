//! Whether a server may be a mirror: it has nothing of its own in the place of what comes.

use super::{MirrorManager, Sources, served};
use crate::{
    failure,
    nodes::NodeManager,
    versions::{Store, of_layout},
};
use disklessset_plugin_api::{Error, Result};

impl MirrorManager<'_> {
    /// Refuses a server that has something of its own in the place of what would come.
    pub(super) fn must_be_free_for(&self, sources: Sources<'_>) -> Result<()> {
        self.must_be_free()?;
        if sources.pools.is_some() { self.must_have_no_nodes() } else { Ok(()) }
    }

    /// Refuses a server that has images or versions of its own.
    pub(super) fn must_be_free(&self) -> Result<()> {
        if self.state()?.is_some() {
            return served::must_be_ours(self.site);
        }
        let layout = &self.site.layout;
        let entries = self.site.installations.snapshot().map_err(failure::of)?;
        let names = served::names(&layout.images_dir())?;
        let own = names.first().cloned().or_else(|| entries.images.keys().next().map(ToString::to_string));
        if let Some(name) = own {
            let text = format!("this server has images of its own ({name}): a mirror has none");
            return Err(Error::refused(text).hint("take another server, or remove them first"));
        }
        if layout.has_oci()
            && let Some(entry) =
                Store::of(layout).layout_of_blobs()?.index().map_err(of_layout)?.entries().first()
        {
            let name = entry.ref_name.clone().unwrap_or_else(|| entry.digest.to_string());
            return Err(Error::refused(format!(
                "this server has versions of its own ({name}): a mirror has none"
            )));
        }
        Ok(())
    }

    /// Refuses to take the place of nodes that are this server's own.
    fn must_have_no_nodes(&self) -> Result<()> {
        let of_others = self.state()?.is_some_and(|state| state.pools.is_some());
        if of_others || !NodeManager::new(self.site).has_file() {
            return Ok(());
        }
        let file = self.site.layout.published(&self.site.layout.nodes_file());
        Err(Error::refused(format!(
            "this server has nodes of its own ({file}): those of another would replace them"
        ))
        .hint("take another server, or keep a copy of the file and remove it first"))
    }
}
