//! Reads and changes the nodes and pools of a site.

use super::{
    Inventory, NamesAtAGlance, NodeFile,
    boot_files::{self, BootFiles, BootFilesOnDisk},
    pending,
};
use crate::{Site, integrity::Fault, system::lock::Lock};
use disklessset_plugin_api::{ImageName, Result};

/// The nodes and pools of a site.
#[derive(Clone, Copy)]
pub struct NodeManager<'s> {
    pub(super) site: &'s Site,
}

/// What a change of nodes and pools did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryChange {
    /// As it was.
    pub before: Inventory,
    /// As it is.
    pub after: Inventory,
}

/// How many boot files were brought to what they must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BootFilesChange {
    /// Files that were written.
    pub written: usize,
    /// Files that were removed.
    pub removed: usize,
}

impl BootFilesChange {
    /// One line that says what is done to them.
    pub fn in_words(self, write: &str, remove: &str) -> String {
        let count = |verb: &str, number: usize| match number {
            0 => None,
            1 => Some(format!("{verb} 1 boot file")),
            number => Some(format!("{verb} {number} boot files")),
        };
        let parts = [count(write, self.written), count(remove, self.removed)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
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

    /// The names on record, and nothing else of it.
    ///
    /// # Errors
    /// When the node file cannot be read.
    pub fn names(&self) -> Result<NamesAtAGlance> {
        NodeFile::of(&self.site.layout).names()
    }

    /// Finds out what a change would do: all that [`Self::change`] checks is checked. Nothing is changed.
    ///
    /// # Errors
    /// As for [`Self::change`].
    pub fn plan(&self, edit: impl FnOnce(Inventory) -> Result<Inventory>) -> Result<InventoryChange> {
        BootFiles::of(self.site)?;
        let before = self.inventory()?;
        let after = edit(before.clone())?;
        // What was wrong before is no reason to refuse another change; `verify` tells it.
        let known = boot_files::faults(self.site, &before)?;
        let same = |who: &str, text: &str| known.get(who).is_some_and(|error| error.to_string() == text);
        let found = boot_files::faults(self.site, &after)?;
        match found.into_iter().find(|(who, error)| !same(who, &error.to_string())) {
            Some((_, error)) => Err(error),
            None => Ok(InventoryChange { before, after }),
        }
    }

    /// Changes nodes and pools: on record first, then the boot files that are made from it. Waits for who does so already. `operation` says
    /// what is done, as a user would type it.
    ///
    /// # Errors
    /// Those of the edit; when an image or a version that is named anew is not there; when something cannot be written.
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
            pending::begin(&self.site.layout)?;
            file.save(&change.after, &lock)?;
        }
        self.bring(&change.after, &lock)?;
        // Who holds an image's lock may wait for this one.
        drop(lock);
        self.note_unnamed(&change);
        Ok(change)
    }

    /// Refuses to have nodes get a version, by its boot file, with which the kernel line of one that follows the image gets too long.
    pub(crate) fn check_release(&self, image: &ImageName, boot_file: &str) -> Result<()> {
        if !self.has_any() {
            return Ok(());
        }
        let faults = boot_files::faults_of_release(self.site, &self.inventory()?, image, boot_file)?;
        faults.into_values().next().map_or(Ok(()), Err)
    }

    /// Keeps pools and nodes from naming anything else until it is dropped, for who takes away what nobody names.
    pub(crate) fn hold(&self, operation: &str) -> Result<Option<Lock>> {
        let held = self.has_any().then(|| NodeFile::of(&self.site.layout).lock(operation, self.site.wait));
        held.transpose()
    }

    /// Brings the boot files to what they must be by the record: what a killed command left, what was changed by hand.
    ///
    /// # Errors
    /// When the node file cannot be understood, or something cannot be written.
    pub fn renew_boot_files(&self) -> Result<BootFilesChange> {
        if !self.has_any() && !self.is_unfinished() {
            return Ok(BootFilesChange::default());
        }
        self.site.prepare()?;
        let lock = NodeFile::of(&self.site.layout).lock("renew boot files", self.site.wait)?;
        // A first change that was killed before anything was on record has come to nothing.
        if !self.has_any() {
            NodeFile::of(&self.site.layout).sweep(&lock)?;
            return pending::end(&self.site.layout).map(|()| BootFilesChange::default());
        }
        self.bring(&self.inventory()?, &lock)
    }

    /// What [`Self::renew_boot_files`] would do, if anything.
    ///
    /// # Errors
    /// When the node file cannot be understood, or a boot file cannot be read.
    pub fn boot_files_to_renew(&self) -> Result<Option<BootFilesChange>> {
        if !self.has_any() {
            return Ok(None);
        }
        let wanted = BootFiles::of(self.site)?.wanted(&self.inventory()?)?;
        let found = BootFilesOnDisk::compare(&self.site.layout.boot_dir(), &wanted)?;
        let change = BootFilesChange { written: found.stale.len(), removed: found.surplus.len() };
        Ok((change != BootFilesChange::default()).then_some(change))
    }

    /// What is wrong with nodes, pools and their boot files.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let inventory = match self.inventory() {
            Ok(inventory) => inventory,
            Err(error) => {
                let file = NodeFile::of(&self.site.layout).published(&self.site.layout);
                return vec![Fault::from(error).mend(format!("mend {file}"))];
            }
        };
        let mut faults: Vec<Fault> = match boot_files::faults(self.site, &inventory) {
            Ok(found) => found.into_values().map(Fault::from).collect(),
            Err(error) => vec![error.into()],
        };
        match self.boot_files_to_renew() {
            Ok(None) => {}
            Ok(Some(change)) => {
                let text = format!(
                    "boot files differ from the record: {} to be written, {} to be removed",
                    change.written, change.removed
                );
                faults.push(Fault::problem(text).mend("disklessset clean"));
            }
            Err(error) => faults.push(error.into()),
        }
        faults
    }

    /// Whether a command was killed before the boot files were what they must be.
    pub fn is_unfinished(&self) -> bool {
        pending::is_there(&self.site.layout)
    }

    /// Whether the site has nodes, pools or their boot files: else there is nothing to look after.
    pub(super) fn has_any(&self) -> bool {
        self.site.layout.nodes_file().symlink_metadata().is_ok() || boot_files::has_entry(self.site)
    }

    pub(super) fn bring(&self, inventory: &Inventory, lock: &Lock) -> Result<BootFilesChange> {
        NodeFile::of(&self.site.layout).sweep(lock)?;
        let wanted = BootFiles::of(self.site)?.wanted(inventory)?;
        let BootFilesOnDisk { stale, surplus, .. } = boot_files::bring(self.site, &wanted)?;
        pending::end(&self.site.layout)?;
        Ok(BootFilesChange { written: stale.len(), removed: surplus.len() })
    }
}
