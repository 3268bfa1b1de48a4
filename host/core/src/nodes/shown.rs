//! Nodes, pools and boot files as listings show them.

use super::{
    Inventory, KernelParameters, MacAddress, Node, NodeAddress, NodeManager, Pool, PoolBoot, PoolName,
    VariableName, VariableValue,
    boot_files::{BootFiles, Chosen},
};
use crate::versions::{Store, VersionReference};
use disklessset_plugin_api::{
    Error, ErrorKind, Result,
    node_set::{NodeName, NodeSet},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A node as a listing shows it: all that is on record, also what is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedNode {
    /// Its name.
    pub name: NodeName,
    /// Its cards.
    pub mac: Vec<MacAddress>,
    /// Its address.
    pub address: Option<NodeAddress>,
    /// Its other names.
    pub alias: Vec<NodeName>,
    /// Its pool.
    pub pool: Option<PoolName>,
    /// Its image, when it is in no pool.
    pub image: Option<VersionReference>,
    /// Its kernel parameters.
    pub kernel_parameters: KernelParameters,
    /// Its variables.
    pub variables: BTreeMap<VariableName, VariableValue>,
}

/// A pool as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedPool {
    /// Its name.
    pub name: PoolName,
    /// The image, as it is named.
    pub image: Option<VersionReference>,
    /// Where from its nodes boot.
    pub boot: PoolBoot,
    /// Whether `BOOTIF=` is put on the kernel line.
    pub bootif: bool,
    /// Its kernel parameters.
    pub kernel_parameters: String,
    /// Its nodes.
    pub nodes: NodeSet,
    /// How many they are.
    pub node_count: usize,
}

/// The boot file of a node, and why it gets that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownBoot {
    /// The node.
    pub node: NodeName,
    /// The pool that it gets its image from, if it is one.
    pub pool: Option<PoolName>,
    /// Whether it is in that pool, or gets `default` because it is in none.
    pub is_default: bool,
    /// Where from it boots.
    pub boot: PoolBoot,
    /// The image or version, as it is named.
    pub image: Option<VersionReference>,
    /// The version that it is now, if that can be told.
    pub version: Option<String>,
    /// The boot file of the node.
    pub file: String,
    /// The boot file of its pool, to which that leads.
    pub pool_file: Option<String>,
}

impl NodeManager<'_> {
    /// The nodes, those of a set or all.
    ///
    /// # Errors
    /// When a node of the set is not there; when the node file cannot be understood.
    pub fn list(&self, nodes: Option<&NodeSet>) -> Result<Vec<ListedNode>> {
        let inventory = self.inventory()?;
        if let Some(nodes) = nodes {
            must_have(&inventory, nodes)?;
        }
        let wanted =
            inventory.nodes().iter().filter(|(name, _)| nodes.is_none_or(|nodes| nodes.contains(name)));
        Ok(wanted.map(|(name, node)| listed_node(name, node)).collect())
    }

    /// One node, by its name or an alias.
    ///
    /// # Errors
    /// When it is not there.
    pub fn show(&self, name: &NodeName) -> Result<ListedNode> {
        let inventory = self.inventory()?;
        let (name, node) = inventory.find(name).ok_or_else(|| no_such_node(name))?;
        Ok(listed_node(name, node))
    }

    /// The pools.
    ///
    /// # Errors
    /// When the node file cannot be understood.
    pub fn pools(&self) -> Result<Vec<ListedPool>> {
        let inventory = self.inventory()?;
        Ok(inventory.pools().iter().map(|(name, pool)| listed_pool(&inventory, name, pool)).collect())
    }

    /// One pool.
    ///
    /// # Errors
    /// When it is not there.
    pub fn show_pool(&self, name: &PoolName) -> Result<ListedPool> {
        let inventory = self.inventory()?;
        let pool = inventory.pools().get(name).ok_or_else(|| no_such_pool(name))?;
        Ok(listed_pool(&inventory, name, pool))
    }

    /// What a node boots, and why.
    ///
    /// # Errors
    /// When there is no such node, or a version that is named cannot be read.
    pub fn boot_of(&self, name: &NodeName) -> Result<ShownBoot> {
        let inventory = self.inventory()?;
        let (name, node) = inventory.find(name).ok_or_else(|| no_such_node(name))?;
        let files = BootFiles::of(self.site)?;
        let pool = inventory.pool_of(node);
        let boot = pool.map(|(_, pool)| pool.boot).unwrap_or_default();
        let image = node.image.clone().or_else(|| pool.and_then(|(_, pool)| pool.image.clone()));
        let image = image.filter(|_| boot == PoolBoot::Image);
        let version = match &image {
            Some(image) => self.version_now(image)?,
            None => None,
        };
        Ok(ShownBoot {
            node: name.clone(),
            pool: pool.map(|(pool, _)| pool.clone()),
            is_default: node.pool.is_none() && pool.is_some(),
            boot,
            version,
            file: files.node(&inventory, name, node)?,
            pool_file: pool.map(|(name, pool)| files.pool(name, pool)).transpose()?,
            image,
        })
    }

    fn version_now(&self, reference: &VersionReference) -> Result<Option<String>> {
        Ok(match Chosen::find(self.site, reference)? {
            Chosen::Version { marker, .. } => Some(marker.version.to_string()),
            Chosen::Missing(_) => None,
            Chosen::Current(image) => {
                let current = Store::of(&self.site.layout).current(image.as_str())?;
                current.map(|marker| marker.version.to_string())
            }
        })
    }
}

pub(super) fn listed_node(name: &NodeName, node: &Node) -> ListedNode {
    let Node { mac, address, alias, pool, image, kernel_parameters, variables } = node.clone();
    ListedNode { name: name.clone(), mac, address, alias, pool, image, kernel_parameters, variables }
}

pub(super) fn listed_pool(inventory: &Inventory, name: &PoolName, pool: &Pool) -> ListedPool {
    let nodes = inventory.members(name);
    ListedPool {
        name: name.clone(),
        image: pool.image.clone(),
        boot: pool.boot,
        bootif: pool.bootif,
        kernel_parameters: pool.kernel_parameters.to_string(),
        node_count: nodes.len(),
        nodes,
    }
}

/// Refuses nodes that are not there.
pub(super) fn must_have(inventory: &Inventory, nodes: &NodeSet) -> Result<()> {
    let missing: NodeSet = nodes.iter().filter(|name| !inventory.nodes().contains_key(name)).collect();
    match (missing.iter().next(), missing.len()) {
        (None, _) => Ok(()),
        (Some(name), 1) => Err(no_such_node(&name)),
        _ => Err(Error::new(ErrorKind::NOT_FOUND, format!("there are no nodes {missing}")).hint(ALL_NODES)),
    }
}

const ALL_NODES: &str = "`disklessset node list` shows all nodes";

/// There is no node of that name.
pub(super) fn no_such_node(name: &NodeName) -> Error {
    Error::new(ErrorKind::NOT_FOUND, format!("there is no node {name}")).hint(ALL_NODES)
}

/// There is no pool of that name.
pub(super) fn no_such_pool(name: &PoolName) -> Error {
    Error::new(ErrorKind::NOT_FOUND, format!("there is no pool {name}"))
        .hint("`disklessset pool list` shows all pools")
}
