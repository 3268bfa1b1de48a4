//! Nodes as they are to be beside nodes as they were seen.

use crate::{known::Known, seen::Stage, unknown::Unknown, watch::Watch};
use disklessset_oci::names::Digest;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whether a node runs what it is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reboot {
    /// It runs another version than it is to run.
    Needed,
    /// It runs what it is to run.
    NotNeeded,
    /// It runs nothing that is known, or is to boot nothing of ours.
    Unknown,
}

/// A node, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLine {
    /// Its name.
    pub node: String,
    /// Its pool.
    pub pool: Option<String>,
    /// The version that it is to boot, as `web01@7`, or its digest where that is no version any more.
    pub assigned: Option<String>,
    /// The version that it boots or runs.
    pub version: Option<String>,
    /// How far it has come; none where it was not seen.
    pub stage: Option<Stage>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// From where.
    pub address: Option<String>,
    /// Whether it is to be rebooted.
    pub reboot: Reboot,
}

/// All nodes, and who else asked.
#[derive(Debug, Clone)]
pub struct Overview {
    /// When this was so.
    pub at: Timestamp,
    /// Nodes on record, by name.
    pub nodes: Vec<NodeLine>,
    /// Machines that are no node on record, by MAC.
    pub unknown: BTreeMap<String, Unknown>,
    /// Versions by name, with how many nodes are to boot and how many run each.
    pub versions: BTreeMap<String, VersionUse>,
}

/// Who uses a version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionUse {
    /// Whether it is the current one of its image.
    pub is_current: bool,
    /// Nodes that are to boot it.
    pub assigned: usize,
    /// Nodes that run it.
    pub running: usize,
}

impl Overview {
    /// Puts both side by side.
    pub fn new(watch: &Watch, known: &Known, now: Timestamp) -> Self {
        let mut overview = Self {
            at: now,
            nodes: Vec::with_capacity(known.nodes().len()),
            unknown: watch.unknown().clone(),
            versions: BTreeMap::new(),
        };
        for (node, facts) in known.nodes() {
            let seen = watch.seen().get(node);
            let running = seen.and_then(|seen| seen.running(now));
            overview.count(known, facts.assigned, |of| &mut of.assigned);
            overview.count(known, running, |of| &mut of.running);
            let line = NodeLine {
                node: node.to_string(),
                pool: facts.pool.clone(),
                assigned: facts.assigned.map(|digest| name_of(known, &digest)),
                version: seen.and_then(|seen| seen.version).map(|digest| name_of(known, &digest)),
                stage: seen.map(|seen| seen.stage),
                since: seen.map(|seen| seen.since),
                last_seen: seen.map(|seen| seen.last_seen),
                address: seen.map(|seen| seen.address.to_string()),
                reboot: reboot(facts.assigned, running),
            };
            overview.nodes.push(line);
        }
        overview
    }

    fn count(&mut self, known: &Known, digest: Option<Digest>, of: impl Fn(&mut VersionUse) -> &mut usize) {
        let Some(digest) = digest else { return };
        let used = self.versions.entry(name_of(known, &digest)).or_default();
        used.is_current = known.versions().get(&digest).is_some_and(|version| version.is_current);
        *of(used) += 1;
    }

    /// The same facts for programs: `{"format": 1, "at": …, "nodes": […], "unknown": […], "versions": […]}`.
    pub fn to_json(&self) -> Value {
        let nodes: Vec<Value> = self.nodes.iter().map(NodeLine::to_json).collect();
        let unknown = |(mac, machine): (&String, &Unknown)| {
            json!({
                "mac": mac, "address": machine.address,
                "first_seen": machine.first_seen, "last_seen": machine.last_seen,
            })
        };
        let version = |(name, of): (&String, &VersionUse)| {
            json!({
                "version": name, "current": of.is_current, "assigned": of.assigned, "running": of.running,
            })
        };
        json!({
            "format": 1,
            "at": self.at,
            "nodes": nodes,
            "unknown": self.unknown.iter().map(unknown).collect::<Vec<_>>(),
            "versions": self.versions.iter().map(version).collect::<Vec<_>>(),
        })
    }
}

impl NodeLine {
    /// `{"node", "pool", "assigned", "version", "stage", "since", "last_seen", "address", "needs_reboot"}`; what is not known is null.
    pub fn to_json(&self) -> Value {
        json!({
            "node": self.node,
            "pool": self.pool,
            "assigned": self.assigned,
            "version": self.version,
            "stage": self.stage.map(Stage::word),
            "since": self.since,
            "last_seen": self.last_seen,
            "address": self.address,
            "needs_reboot": self.needs_reboot(),
        })
    }

    /// Whether it is to be rebooted, where that is known.
    pub fn needs_reboot(&self) -> Option<bool> {
        match self.reboot {
            Reboot::Needed => Some(true),
            Reboot::NotNeeded => Some(false),
            Reboot::Unknown => None,
        }
    }

    /// What its stage is called; a node that nobody saw is not said to have failed.
    pub fn stage_words(&self) -> &'static str {
        self.stage.map_or("not seen", Stage::words)
    }
}

fn name_of(known: &Known, digest: &Digest) -> String {
    known.versions().get(digest).map_or_else(|| digest.to_string(), |version| version.name.to_string())
}

fn reboot(assigned: Option<Digest>, running: Option<Digest>) -> Reboot {
    match (assigned, running) {
        (Some(assigned), Some(running)) if assigned == running => Reboot::NotNeeded,
        (Some(_), Some(_)) => Reboot::Needed,
        _ => Reboot::Unknown,
    }
}

/// How many nodes are at each stage, those that were not seen last.
pub(crate) fn by_stage(nodes: &[NodeLine]) -> Vec<(Option<Stage>, usize)> {
    let stages = Stage::ALL.into_iter().map(Some).chain([None]);
    stages.map(|stage| (stage, nodes.iter().filter(|line| line.stage == stage).count())).collect()
}
