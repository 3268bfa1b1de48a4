//! What the site's own files say: nodes, their pools, and which file belongs to which version.

use disklessset_oci::names::{Digest, VersionName};
use disklessset_plugin_api::node_set::NodeName;
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

/// What a file of a version is for a node that boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The kernel.
    Kernel,
    /// The initramfs.
    Initramfs,
    /// What the node runs from.
    Root,
}

/// A file, and the versions that have it, by the digests of their manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOfVersions {
    /// What it is.
    pub kind: FileKind,
    /// The versions, the newest last.
    pub versions: Vec<Digest>,
}

/// What is on record of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its pool; a node may have none.
    pub pool: Option<String>,
    /// The manifest of the version that it is to boot; none where it boots from its disk, or its pool has no image.
    pub assigned: Option<Digest>,
    /// Its MACs, as `52-54-00-12-34-56`.
    pub macs: Vec<String>,
    /// Other names.
    pub aliases: Vec<String>,
    /// Its address, where it has a fixed one.
    pub address: Option<IpAddr>,
}

/// What is known of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFacts {
    /// Image and number, as `web01@7`.
    pub name: VersionName,
    /// Whether it is the current one.
    pub is_current: bool,
    /// The bytes that a node fetches of it.
    pub size: u64,
}

/// Nodes and versions, and ways to find them.
#[derive(Debug, Clone, Default)]
pub struct Known {
    nodes: BTreeMap<NodeName, NodeFacts>,
    versions: HashMap<Digest, VersionFacts>,
    files: HashMap<Digest, FileOfVersions>,
    /// Names and aliases in lower case: a node may write its own as it likes.
    by_name: HashMap<String, NodeName>,
    by_mac: HashMap<String, NodeName>,
    by_address: HashMap<IpAddr, NodeName>,
}

impl Known {
    /// Of what the site's files say.
    pub fn new(
        nodes: BTreeMap<NodeName, NodeFacts>,
        versions: HashMap<Digest, VersionFacts>,
        files: HashMap<Digest, FileOfVersions>,
    ) -> Self {
        let mut known = Self { versions, files, ..Self::default() };
        for (name, facts) in &nodes {
            let names = facts.aliases.iter().map(String::as_str).chain([name.as_str()]);
            known.by_name.extend(names.map(|text| (text.to_ascii_lowercase(), name.clone())));
            known.by_mac.extend(facts.macs.iter().map(|mac| (mac.to_ascii_lowercase(), name.clone())));
            known.by_address.extend(facts.address.map(|address| (address, name.clone())));
        }
        known.nodes = nodes;
        known
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> &BTreeMap<NodeName, NodeFacts> {
        &self.nodes
    }

    /// All versions, by the digests of their manifests.
    pub fn versions(&self) -> &HashMap<Digest, VersionFacts> {
        &self.versions
    }

    /// The node with a MAC in the form `52-54-00-12-34-56`.
    pub fn node_of_mac(&self, mac: &str) -> Option<&NodeName> {
        self.by_mac.get(mac)
    }

    /// The node that calls itself so: by name or alias in any spelling, with or without its domain.
    pub fn node_of_name(&self, text: &str) -> Option<&NodeName> {
        let text = text.to_ascii_lowercase();
        let short = || text.split_once('.').and_then(|(short, _)| self.by_name.get(short));
        self.by_name.get(&text).or_else(short)
    }

    /// The node with a fixed address.
    pub fn node_of_address(&self, address: IpAddr) -> Option<&NodeName> {
        self.by_address.get(&address)
    }

    /// The version that a node is to boot.
    pub fn assigned(&self, node: &NodeName) -> Option<Digest> {
        self.nodes.get(node)?.assigned
    }

    /// What a blob is, and whose.
    pub fn file(&self, blob: &Digest) -> Option<&FileOfVersions> {
        self.files.get(blob)
    }
}
