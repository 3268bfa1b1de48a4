//! What all nodes do: each fetch and each report moves one of them on.

use crate::{
    asked::Asked,
    keep::Kept,
    known::{FileKind, Known},
    report::Report,
    seen::{Seen, Stage},
    unknown::{Unknown, Unknowns},
};
use disklessset_oci::names::Digest;
use disklessset_plugin_api::node_set::NodeName;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

/// Between two reports of one node.
const BETWEEN_REPORTS: SignedDuration = SignedDuration::from_secs(60);

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// When its answer ended.
    pub at: Timestamp,
    /// The client: of a trusted proxy, whom it asked for.
    pub peer: IpAddr,
    /// What was asked for.
    pub asked: Asked,
    /// Whether it is there.
    pub found: bool,
    /// Whether all of it was sent.
    pub whole: bool,
}

/// Why a report is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No node has this name.
    #[error("no node {0} is on record")]
    Nobody(NodeName),
    /// The address is not the node's.
    #[error("the report of node {node} came from {peer}, which is not its address")]
    NotYours {
        /// Whom the report is about.
        node: NodeName,
        /// Who sent it.
        peer: IpAddr,
    },
    /// The last report of this node came within the minute.
    #[error("node {0} reports more than once a minute")]
    TooOften(NodeName),
}

/// What was seen of all nodes.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    seen: BTreeMap<NodeName, Seen>,
    unknown: Unknowns,
    /// Whose an address is, from the boot file that it fetched last.
    at: HashMap<IpAddr, NodeName>,
    changed: bool,
}

impl Watch {
    /// Goes on from what was kept.
    pub fn new(kept: Kept) -> Self {
        let at = kept.nodes.iter().map(|(node, seen)| (seen.address, node.clone())).collect();
        Self { seen: kept.nodes, unknown: kept.unknown, at, changed: false }
    }

    /// What there is to keep, if it changed since it was asked for last.
    pub fn changes(&mut self) -> Option<Kept> {
        std::mem::take(&mut self.changed)
            .then(|| Kept { nodes: self.seen.clone(), unknown: self.unknown.clone() })
    }

    /// What was handed out to be kept is not kept.
    pub(crate) fn changed_again(&mut self) {
        self.changed = true;
    }

    /// What was seen of each node.
    pub fn seen(&self) -> &BTreeMap<NodeName, Seen> {
        &self.seen
    }

    /// Machines that asked for a boot file and are no node on record, by MAC.
    pub fn unknown(&self) -> &BTreeMap<String, Unknown> {
        self.unknown.all()
    }

    /// Whose an address is.
    pub fn node_at<'a>(&'a self, peer: IpAddr, known: &'a Known) -> Option<&'a NodeName> {
        let here = self.at.get(&peer).filter(|node| known.nodes().contains_key(*node));
        here.or_else(|| known.node_of_address(peer))
    }

    /// Takes note of a request.
    pub fn fetched(&mut self, fetched: &Fetched, known: &Known) {
        match &fetched.asked {
            Asked::BootFileOfMac(mac) => match known.node_of_mac(mac).cloned() {
                Some(node) if fetched.found => self.starts(&node, fetched, known),
                Some(_) => {}
                None => {
                    self.unknown.saw(mac, fetched.peer, fetched.at);
                    self.changed = true;
                }
            },
            Asked::BootFileOfName(name) if fetched.found => {
                if let Some(node) = known.node_of_name(name).cloned() {
                    self.starts(&node, fetched, known);
                }
            }
            Asked::Blob(blob) if fetched.found => self.fetched_blob(blob, fetched, known),
            Asked::BootFileOfImage(_) | Asked::BootFileOfPool(_) => {
                if let Some(node) = self.node_at(fetched.peer, known).cloned() {
                    self.heard_of(&node, fetched.at);
                }
            }
            Asked::BootFileOfName(_) | Asked::Blob(_) | Asked::Other => {}
        }
    }

    /// A node has its boot file: whatever it ran, it runs no more.
    fn starts(&mut self, node: &NodeName, fetched: &Fetched, known: &Known) {
        let reported = self.seen.get(node).and_then(|seen| {
            self.at.remove(&seen.address);
            seen.reported
        });
        let seen = Seen {
            stage: Stage::BootFile,
            since: fetched.at,
            last_seen: fetched.at,
            address: fetched.peer,
            version: known.assigned(node),
            reported,
        };
        self.seen.insert(node.clone(), seen);
        self.at.insert(fetched.peer, node.clone());
        self.unknown.forget(|_, machine| machine.address == fetched.peer);
        self.changed = true;
    }

    fn fetched_blob(&mut self, blob: &Digest, fetched: &Fetched, known: &Known) {
        let (Some(file), Some(node)) = (known.file(blob), self.node_at(fetched.peer, known).cloned()) else {
            return;
        };
        let Some(seen) = self.seen.get_mut(&node) else { return };
        // Of what an address of a node fetches beside its boot, nothing leads back.
        let is_early = matches!(seen.stage, Stage::BootFile | Stage::Kernel | Stage::Initramfs);
        let stage = match (file.kind, fetched.whole) {
            (FileKind::Kernel, true) if is_early => Stage::Kernel,
            (FileKind::Initramfs, true) if is_early => Stage::Initramfs,
            (FileKind::Root, true) if seen.stage != Stage::Running => Stage::Root,
            (FileKind::Root, false) if !seen.stage.has_root() => Stage::RootCutShort,
            _ => seen.stage,
        };
        seen.reach(stage, fetched.at);
        if seen.stage != Stage::Running
            && !seen.version.is_some_and(|version| file.versions.contains(&version))
        {
            seen.version = file.versions.last().copied();
        }
        self.changed = true;
    }

    fn heard_of(&mut self, node: &NodeName, now: Timestamp) {
        if let Some(seen) = self.seen.get_mut(node) {
            seen.last_seen = now;
            self.changed = true;
        }
    }

    /// Takes the report of a node.
    ///
    /// # Errors
    /// One of a name that is no node's, from an address that is not the node's, or too soon after the last.
    pub fn reported(
        &mut self,
        report: &Report,
        peer: IpAddr,
        now: Timestamp,
        known: &Known,
    ) -> Result<(), Refused> {
        let node = &report.node;
        if !known.nodes().contains_key(node) {
            return Err(Refused::Nobody(node.clone()));
        }
        if self.node_at(peer, known) != Some(node) {
            return Err(Refused::NotYours { node: node.clone(), peer });
        }
        let last = self.seen.get(node).and_then(|seen| seen.reported);
        if last.is_some_and(|last| now.duration_since(last).abs() < BETWEEN_REPORTS) {
            return Err(Refused::TooOften(node.clone()));
        }
        let seen = self.seen.entry(node.clone()).or_insert_with(|| Seen {
            stage: Stage::Running,
            since: now,
            last_seen: now,
            address: peer,
            version: None,
            reported: None,
        });
        seen.reach(Stage::Running, now);
        seen.address = peer;
        seen.version = report.version.or(seen.version);
        seen.reported = Some(now);
        self.at.insert(peer, node.clone());
        self.changed = true;
        Ok(())
    }

    /// Forgets what is of nodes that are on record no more, and machines that are nodes now.
    pub fn tidy(&mut self, known: &Known) {
        let before = (self.seen.len(), self.unknown.all().len());
        self.seen.retain(|node, _| known.nodes().contains_key(node));
        self.at.retain(|_, node| known.nodes().contains_key(node));
        self.unknown.forget(|mac, _| known.node_of_mac(mac).is_some());
        self.changed |= before != (self.seen.len(), self.unknown.all().len());
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
