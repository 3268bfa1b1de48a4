//! The versions that pools and nodes name.

use crate::{
    Site,
    nodes::Inventory,
    records::Records,
    versions::{History, Marker, Store, Version, VersionReference, VersionWord},
};
use disklessset_oci::names::{VersionName, VersionNumber};
use disklessset_plugin_api::{Error, ImageName, Result};

/// What a pool or a node boots.
pub(in crate::nodes) enum Chosen {
    /// An image, by its own boot file: always its current version.
    Current(ImageName),
    /// One version.
    Version {
        /// What its boot file says it is.
        marker: Marker,
        /// Its boot file, as it is stored.
        text: String,
    },
    /// Something that is not there.
    Missing(VersionReference),
}

impl Chosen {
    /// Looks it up.
    pub(in crate::nodes) fn find(site: &Site, reference: &VersionReference) -> Result<Self> {
        let image = &reference.image;
        if reference.version.is_none() {
            return Ok(Self::Current(image.clone()));
        }
        let store = Store::of(&site.layout);
        let Some(marker) = marker_of(site, &store, reference)? else {
            return Ok(Self::Missing(reference.clone()));
        };
        let (_, text) = store.read(&marker.digest)?;
        Ok(Self::Version { marker, text })
    }
}

/// The version that is meant, if it is there.
fn marker_of(site: &Site, store: &Store<'_>, reference: &VersionReference) -> Result<Option<Marker>> {
    let image = &reference.image;
    let named =
        |number| VersionName::new(image.as_str(), number).map_err(|cause| Error::failed(cause.to_string()));
    let history = store.history(image)?;
    if let Some(version) = version_of(&history, reference).filter(|_| Records::of(site).exists(image)) {
        return Ok(Some(Marker { version: named(version.number)?, digest: version.digest }));
    }
    // A mirror has versions of other servers, and no record of its own of them.
    match &reference.version {
        Some(VersionWord::Number(number)) if history.versions().is_empty() => {
            let version = named(*number)?;
            Ok(store.named(&version)?.map(|digest| Marker { version, digest }))
        }
        _ => Ok(None),
    }
}

fn version_of<'h>(history: &'h History, reference: &VersionReference) -> Option<&'h Version> {
    let number = match reference.version.as_ref()? {
        VersionWord::Number(number) => *number,
        VersionWord::Tag(tag) => *history.tags().get(tag.as_str())?,
    };
    history.get(number)
}

/// Who gets what of an image: `pool compute` or `node c1`, and what they name.
pub(in crate::nodes) fn uses(inventory: &Inventory, image: &ImageName) -> Vec<(String, VersionReference)> {
    let pools = inventory.pools().iter().map(|(name, pool)| (format!("pool {name}"), &pool.image));
    let nodes = inventory.nodes().iter().map(|(name, node)| (format!("node {name}"), &node.image));
    let named = pools.chain(nodes).filter_map(|(who, image)| Some((who, image.clone()?)));
    named.filter(|(_, reference)| reference.image == *image).collect()
}

/// The versions of an image that somebody names, by number or by tag.
pub(in crate::nodes) fn named_versions(
    inventory: &Inventory,
    image: &ImageName,
    history: &History,
) -> Vec<(VersionNumber, String)> {
    let uses = uses(inventory, image).into_iter();
    uses.filter_map(|(who, reference)| Some((version_of(history, &reference)?.number, who))).collect()
}
