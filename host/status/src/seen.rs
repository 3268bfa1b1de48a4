//! What one node does, as far as it was seen.

use disklessset_oci::names::Digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// How long a node counts as running what it was last seen with.
const COUNTS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How far the boot of a node has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It has its boot file.
    BootFile,
    /// It has its kernel.
    Kernel,
    /// It has its initramfs.
    Initramfs,
    /// It went away in the midst of its root image.
    RootCutShort,
    /// It has its root image.
    Root,
    /// It says that it is up.
    Running,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 6] =
        [Self::BootFile, Self::Kernel, Self::Initramfs, Self::RootCutShort, Self::Root, Self::Running];

    /// The words of a listing.
    pub fn words(self) -> &'static str {
        match self {
            Self::BootFile => "boot file fetched",
            Self::Kernel => "kernel fetched",
            Self::Initramfs => "initramfs fetched",
            Self::RootCutShort => "root cut short",
            Self::Root => "root fetched",
            Self::Running => "running",
        }
    }

    /// The word of a filter, a label and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::BootFile => "boot-file",
            Self::Kernel => "kernel",
            Self::Initramfs => "initramfs",
            Self::RootCutShort => "root-cut-short",
            Self::Root => "root",
            Self::Running => "running",
        }
    }

    /// Whether a node at this stage has all it runs from.
    pub fn has_root(self) -> bool {
        matches!(self, Self::Root | Self::Running)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// What was seen of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How far it has come.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// From where.
    pub address: IpAddr,
    /// The manifest of the version that it boots or runs; none where what it fetched is of none.
    pub version: Option<Digest>,
    /// When its last report was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Timestamp>,
}

impl Seen {
    /// The version that it runs, unless it was not heard of for long.
    pub fn running(&self, now: Timestamp) -> Option<Digest> {
        let counts = now.duration_since(self.last_seen) <= COUNTS;
        self.version.filter(|_| self.stage.has_root() && counts)
    }

    /// Goes on to a stage; one at which the node is already keeps its time.
    pub(crate) fn reach(&mut self, stage: Stage, now: Timestamp) {
        self.last_seen = now;
        if self.stage != stage {
            self.stage = stage;
            self.since = now;
        }
    }
}
