//! A second boot server: it has what the repositories of a registry have, and nothing of its own.
//!
//! Blobs and manifests come first, while nodes get what they got. Then one rename exchanges the directory of images for a new one, which
//! was built aside: all images move at once, and at any moment nodes get either the state of the registry or the whole state before.
//! A rename of the directory, and no link in its place: web servers are told not to follow links there, and no tool expects one.
//! Nodes and pools of another server come after their images, as one node file, of which boot files are made here: they have addresses of
//! this server, and no path in them is anybody else's word.
//!
//! Each run leads to that state from whatever a killed one left, so there is no journal: what is on record is which server this is, and
//! when what no tag names any more was dropped.

mod bring;
mod free;
mod pools;
mod served;
mod state;
mod upstream;
mod verify;
mod wanted;

pub use pools::MirroredPools;
pub use state::{MirrorState, MirroredImage};
pub use upstream::{PoolSource, Sources, Tagged, Upstream};

use crate::{
    failure,
    site::Site,
    system::lock::{Lock, LockError},
};
use disklessset_plugin_api::{Error, ErrorKind, Result};

/// The lock of whoever brings anything.
const LOCK: &str = "@mirror";

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brought {
    /// Images that nodes get in another version than before, that are new, or that are gone.
    pub changed: Vec<String>,
    /// How many images there are.
    pub images: usize,
    /// How many versions there are of all of them.
    pub versions: usize,
    /// Bytes that were fetched.
    pub fetched: u64,
    /// What was done to nodes and pools, if anything was.
    pub pools: Option<String>,
}

/// Has a site be a mirror.
#[derive(Clone, Copy)]
pub struct MirrorManager<'s> {
    site: &'s Site,
}

impl<'s> MirrorManager<'s> {
    /// For a site.
    pub fn new(site: &'s Site) -> Self {
        Self { site }
    }

    /// What is on record of the site as a mirror; nothing where it is none.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn state(&self) -> Result<Option<MirrorState>> {
        MirrorState::load(&self.site.layout)
    }

    fn lock(&self) -> Result<Lock> {
        let what = "the mirror";
        let lock = Lock::acquire(&self.site.layout.locks_dir(), LOCK, what, "mirror", self.site.wait);
        lock.map(Lock::leaving_nothing).map_err(|error| match error {
            LockError::Busy { .. } => {
                failure::with_kind(ErrorKind::BUSY, error).hint("try again later, or with --wait SECONDS")
            }
            LockError::Interrupted(cause) => failure::interrupted(cause),
            other => failure::of(other),
        })
    }
}

/// Refuses a change of images or kernels on a mirror.
///
/// # Errors
/// That it is one; when that cannot be told.
pub fn must_not_be_mirror(site: &Site) -> Result<()> {
    match MirrorState::load(&site.layout)? {
        None => Ok(()),
        Some(state) => Err(Error::refused(format!(
            "this server is a mirror of {}: images and nodes are changed where they are made",
            state.sources()
        ))
        .hint("`disklessset mirror` brings what is new; `disklessset mirror --end --yes` ends the mirror, and its images go")),
    }
}
