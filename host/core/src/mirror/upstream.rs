//! What a mirror is made of. The core talks to no registry: a program that can brings the repositories.

use disklessset_oci::{
    layout::Layout,
    manifest::Blob,
    names::{Digest, VersionNumber},
};
use disklessset_plugin_api::Result;
use std::collections::BTreeMap;

/// A repository with the versions of one image.
pub trait Upstream {
    /// Its address.
    fn address(&self) -> &str;

    /// What its tags name now. What is current is asked for first, so that it is among the versions: who pushes names it last.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn tagged(&self) -> Result<Tagged>;

    /// A manifest, verified.
    ///
    /// # Errors
    /// When it does not have it, or cannot be asked.
    fn manifest(&self, digest: &Digest) -> Result<Vec<u8>>;

    /// Brings a blob into a layout, verified. `progress` hears how many bytes of it are there.
    ///
    /// # Errors
    /// When it does not have it, cannot be asked or lies, or the disk is full.
    fn bring(&self, blob: &Blob, layout: &Layout, progress: &mut dyn FnMut(u64)) -> Result<()>;
}

/// A repository with the nodes and pools of another server.
pub trait PoolSource {
    /// Its address, with the tag.
    fn address(&self) -> &str;

    /// The text of the node file as it is there now, verified.
    ///
    /// # Errors
    /// When it does not have one, or cannot be asked.
    fn record(&self) -> Result<Vec<u8>>;
}

/// All that a mirror is made of.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The repositories of images, one for each image.
    pub images: &'a [&'a dyn Upstream],
    /// Where nodes and pools come from; nothing where the mirror is to have none.
    pub pools: Option<&'a dyn PoolSource>,
}

/// What the tags of a repository name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tagged {
    /// What `current` names.
    pub current: Option<Digest>,
    /// What `vN` names, for each N.
    pub versions: BTreeMap<VersionNumber, Digest>,
}
