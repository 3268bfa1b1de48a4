//! What pools and nodes have to say when versions come, go or get another tag.

use super::{
    Inventory, InventoryChange, NodeManager,
    boot_files::{named_versions, uses},
    pending,
};
use crate::{
    installations::{image_lock, journal},
    system::lock::{Lock, Wait},
    versions::{History, Store, VersionReference, VersionWord},
};
use disklessset_oci::names::{Tag, VersionNumber};
use disklessset_plugin_api::{Error, ImageName, Result};
use std::collections::BTreeSet;

/// How long one waits for an image whose versions are noted, in seconds.
const PATIENCE: u64 = 5;

impl NodeManager<'_> {
    /// Refuses to take an image away that somebody gets.
    ///
    /// # Errors
    /// Names the pool or the node.
    pub(crate) fn must_not_use(&self, image: &ImageName) -> Result<()> {
        match uses(&self.inventory()?, image).into_iter().next() {
            Some((who, _)) => Err(refused(&format!("image {image}"), &who)),
            None => Ok(()),
        }
    }

    /// Refuses to take a version away that somebody names.
    ///
    /// # Errors
    /// Names the pool or the node.
    pub(crate) fn must_not_name(
        &self,
        image: &ImageName,
        history: &History,
        number: VersionNumber,
    ) -> Result<()> {
        let named = named_versions(&self.inventory()?, image, history);
        match named.into_iter().find(|(named, _)| *named == number) {
            Some((_, who)) => Err(refused(&format!("{image}@{number}"), &who)),
            None => Ok(()),
        }
    }

    /// Refuses to take a tag away that somebody names.
    ///
    /// # Errors
    /// Names the pool or the node.
    pub(crate) fn must_not_name_tag(&self, image: &ImageName, tag: &Tag) -> Result<()> {
        match uses(&self.inventory()?, image).into_iter().find(|(_, reference)| has_tag(reference, tag)) {
            Some((who, reference)) => Err(refused(&reference.to_string(), &who)),
            None => Ok(()),
        }
    }

    /// The versions of an image that pools and nodes name: these are not pruned.
    ///
    /// # Errors
    /// When the node file cannot be understood.
    pub(crate) fn named(&self, image: &ImageName, history: &History) -> Result<Vec<VersionNumber>> {
        let named = named_versions(&self.inventory()?, image, history);
        Ok(named.into_iter().map(|(number, _)| number).collect())
    }

    /// Notes the versions that a change left without anybody who names them: a node may be fetching one still, and it is not pruned within the
    /// hour. An image that is busy for long is let be.
    pub(super) fn note_unnamed(&self, change: &InventoryChange) {
        let images = |inventory: &Inventory| -> BTreeSet<ImageName> {
            let pools = inventory.pools().values().map(|pool| &pool.image);
            let nodes = inventory.nodes().values().map(|node| &node.image);
            pools
                .chain(nodes)
                .flatten()
                .filter(|named| named.version.is_some())
                .map(|named| named.image.clone())
                .collect()
        };
        let store = Store::of(&self.site.layout);
        for image in images(&change.before) {
            let Ok(history) = store.history(&image) else { continue };
            let numbers = |inventory| -> BTreeSet<VersionNumber> {
                named_versions(inventory, &image, &history).into_iter().map(|(number, _)| number).collect()
            };
            let gone: Vec<VersionNumber> =
                numbers(&change.before).difference(&numbers(&change.after)).copied().collect();
            if gone.is_empty() {
                continue;
            }
            let (locks, name) = (self.site.layout.locks_dir(), image_lock(&image));
            let what = format!("image {image}");
            let lock = Lock::acquire(&locks, &name, &what, "note versions of", Wait::Seconds(PATIENCE));
            let lock = lock.map(Lock::leaving_nothing);
            let free =
                journal::is_held(&journal::place(&self.site.layout, image.as_str())).is_ok_and(|held| !held);
            if lock.is_ok() && free {
                // Without it, it may be pruned a little early.
                let _ = store.unname(&image, &gone, jiff::Timestamp::now());
            }
        }
    }

    /// Moves a tag; the boot files of those who name it follow. Who does it holds the image's lock.
    ///
    /// # Errors
    /// Those of the move; when a boot file cannot be written.
    pub(crate) fn with_tag(
        &self,
        image: &ImageName,
        tag: &Tag,
        moved: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let Some(lock) = self.hold("tag a version of")? else { return moved() };
        let inventory = self.inventory()?;
        if !uses(&inventory, image).iter().any(|(_, reference)| has_tag(reference, tag)) {
            return moved();
        }
        let store = Store::of(&self.site.layout);
        let left = store.history(image)?.tags().get(tag.as_str()).copied();
        pending::begin(&self.site.layout)?;
        moved()?;
        self.bring(&inventory, &lock)?;
        match left {
            Some(number) => store.unname(image, &[number], jiff::Timestamp::now()),
            None => Ok(()),
        }
    }
}

fn has_tag(reference: &VersionReference, tag: &Tag) -> bool {
    matches!(&reference.version, Some(VersionWord::Tag(named)) if named.as_str() == tag.as_str())
}

fn refused(what: &str, who: &str) -> Error {
    let (kind, name) = who.split_once(' ').unwrap_or(("pool", who));
    let hint = match kind {
        "pool" => format!("disklessset pool set {name} --image OTHER"),
        _ => format!("disklessset node set {name} --pool POOL"),
    };
    Error::refused(format!("{what} is what {who} gets")).hint(hint)
}
