//! All nodes and pools of a site, checked as a whole.

use super::{
    address::NodeAddress,
    lists::unique_map,
    mac::MacAddress,
    node::{Node, Pool},
    pool_name::PoolName,
};
use crate::{versions::VersionReference, yaml};
use disklessset_plugin_api::node_set::{NodeName, NodeSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The format that is written.
const FORMAT: u32 = 1;

/// Nodes and pools in which no address and no name means two nodes, and every node's pool is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    nodes: BTreeMap<NodeName, Node>,
    pools: BTreeMap<PoolName, Pool>,
}

/// Why nodes and pools cannot be together on record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// A card, an address or a name of two nodes.
    #[error("{what} {value} is that of two nodes, {first} and {second}")]
    Twice {
        /// What it is.
        what: &'static str,
        /// Its text.
        value: String,
        /// A node that has it.
        first: NodeName,
        /// Another one.
        second: NodeName,
    },
    /// A node names a pool that is not there.
    #[error("node {node} is in the pool {pool}, which does not exist")]
    NoPool {
        /// The node.
        node: NodeName,
        /// The pool.
        pool: PoolName,
    },
    /// A node in a pool gets what the pool gets.
    #[error("node {0} has a pool and an image of its own: it can have one of them")]
    PoolAndImage(NodeName),
    /// The text is none of a node file.
    #[error("{0}")]
    Text(String),
}

impl From<InventoryError> for disklessset_plugin_api::Error {
    fn from(error: InventoryError) -> Self {
        crate::failure::refused(error)
    }
}

/// The file, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    #[serde(default, deserialize_with = "unique_map")]
    pools: BTreeMap<PoolName, Pool>,
    #[serde(default, deserialize_with = "unique_map")]
    nodes: BTreeMap<NodeName, Node>,
}

impl Inventory {
    /// Nodes and pools together.
    ///
    /// # Errors
    /// When two nodes have the same card, address or name (case does not count), or a pool is missing.
    pub fn new(
        nodes: BTreeMap<NodeName, Node>,
        pools: BTreeMap<PoolName, Pool>,
    ) -> Result<Self, InventoryError> {
        check(&nodes, &pools)?;
        Ok(Self { nodes, pools })
    }

    /// Reads the text of a node file.
    ///
    /// # Errors
    /// What is wrong with it, in one line; with the line where that can be told.
    pub fn parse(text: &str) -> Result<Self, InventoryError> {
        let document: Document = yaml::from_own_str(text).map_err(InventoryError::Text)?;
        if document.format != FORMAT {
            let text = format!("it has format {}, and this disklessset reads {FORMAT}", document.format);
            return Err(InventoryError::Text(text));
        }
        Self::new(document.nodes, document.pools)
    }

    /// The text of the node file: the same for the same nodes and pools.
    ///
    /// # Errors
    /// When YAML cannot say it, which does not happen.
    pub fn to_text(&self) -> Result<String, InventoryError> {
        let document = Document { format: FORMAT, pools: self.pools.clone(), nodes: self.nodes.clone() };
        let text =
            serde_yaml::to_string(&document).map_err(|cause| InventoryError::Text(yaml::reason(&cause)));
        text.map(|text| yaml::for_older_readers(&text))
    }

    /// The nodes, in natural order.
    pub fn nodes(&self) -> &BTreeMap<NodeName, Node> {
        &self.nodes
    }

    /// The pools.
    pub fn pools(&self) -> &BTreeMap<PoolName, Pool> {
        &self.pools
    }

    /// The nodes that are in a pool.
    pub fn members(&self, pool: &PoolName) -> NodeSet {
        let of = |node: &Node| node.pool.as_ref() == Some(pool);
        self.nodes.iter().filter(|(_, node)| of(node)).map(|(name, _)| name.clone()).collect()
    }

    /// The images and versions that pools and nodes name.
    pub fn references(&self) -> impl Iterator<Item = &VersionReference> {
        let pools = self.pools.values().map(|pool| &pool.image);
        pools.chain(self.nodes.values().map(|node| &node.image)).flatten()
    }

    /// The node of that name, or that has it as an alias. Case counts only where two would have it otherwise.
    pub fn find(&self, name: &NodeName) -> Option<(&NodeName, &Node)> {
        let called = |known: &NodeName| known.as_str().eq_ignore_ascii_case(name.as_str());
        self.nodes.get_key_value(name).or_else(|| {
            self.nodes.iter().find(|(known, node)| called(known) || node.alias.iter().any(called))
        })
    }

    /// The pool whose boot file a node gets: its own; `default`, if there is one, for who has neither pool nor image.
    pub fn pool_of(&self, node: &Node) -> Option<(&PoolName, &Pool)> {
        match (&node.pool, &node.image) {
            (Some(pool), _) => self.pools.get_key_value(pool),
            (None, Some(_)) => None,
            (None, None) => self.pools.iter().find(|(name, _)| name.as_str() == PoolName::DEFAULT),
        }
    }

    /// Both, to be changed and checked again.
    pub fn into_parts(self) -> (BTreeMap<NodeName, Node>, BTreeMap<PoolName, Pool>) {
        (self.nodes, self.pools)
    }
}

fn check(nodes: &BTreeMap<NodeName, Node>, pools: &BTreeMap<PoolName, Pool>) -> Result<(), InventoryError> {
    let mut cards: HashMap<MacAddress, &NodeName> = HashMap::with_capacity(nodes.len());
    let mut addresses: HashMap<NodeAddress, &NodeName> = HashMap::with_capacity(nodes.len());
    let mut names: HashMap<String, &NodeName> = HashMap::with_capacity(nodes.len());
    for (name, node) in nodes {
        for mac in &node.mac {
            alone("the MAC address", mac, name, cards.insert(*mac, name))?;
        }
        if let Some(address) = &node.address {
            alone("the address", address, name, addresses.insert(*address, name))?;
        }
        for known in std::iter::once(name).chain(&node.alias) {
            alone("the name", known, name, names.insert(known.as_str().to_ascii_lowercase(), name))?;
        }
        if let Some(pool) = node.pool.as_ref().filter(|pool| !pools.contains_key(*pool)) {
            return Err(InventoryError::NoPool { node: name.clone(), pool: pool.clone() });
        }
        if node.pool.is_some() && node.image.is_some() {
            return Err(InventoryError::PoolAndImage(name.clone()));
        }
    }
    Ok(())
}

/// Refuses what another node has, or the same one twice.
fn alone(
    what: &'static str,
    value: &dyn std::fmt::Display,
    second: &NodeName,
    before: Option<&NodeName>,
) -> Result<(), InventoryError> {
    match before {
        None => Ok(()),
        Some(first) => Err(InventoryError::Twice {
            what,
            value: value.to_string(),
            first: first.clone(),
            second: second.clone(),
        }),
    }
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
