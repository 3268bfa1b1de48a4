//! What commands do to nodes and pools.

use super::{
    Inventory, KernelParameters, MacAddress, Node, NodeAddress, Pool, PoolBoot, PoolName, VariableName,
    VariableValue,
    shown::{must_have, no_such_pool},
};
use crate::versions::VersionReference;
use disklessset_plugin_api::{
    Error, Result,
    node_set::{NodeName, NodeSet},
};

/// What is set of nodes; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeEdit {
    /// The cards; an empty list takes them away.
    pub mac: Option<Vec<MacAddress>>,
    /// The address; nothing takes it away.
    pub address: Option<Option<NodeAddress>>,
    /// The other names; an empty list takes them away.
    pub alias: Option<Vec<NodeName>>,
    /// The pool; nothing takes them out of theirs.
    pub pool: Option<Option<PoolName>>,
    /// The kernel parameters; empty ones take them away.
    pub kernel_parameters: Option<KernelParameters>,
    /// Variables; those without a value are taken away, others stay.
    pub variables: Vec<(VariableName, Option<VariableValue>)>,
}

impl NodeEdit {
    /// Sets this of nodes; those that are not there yet are made.
    ///
    /// # Errors
    /// When what is one node's alone is set of several; when the pool is not there; when two nodes would have the same.
    pub fn apply(&self, inventory: Inventory, nodes: &NodeSet) -> Result<Inventory> {
        let alone = self.mac.is_some() || self.address.is_some() || self.alias.is_some();
        if alone && nodes.len() > 1 {
            return Err(Error::usage(format!(
                "{nodes} are {} nodes: cards, addresses and aliases are one node's",
                nodes.len()
            ))
            .hint("name one node with --mac, --address and --alias"));
        }
        if let Some(Some(pool)) = self
            .pool
            .as_ref()
            .filter(|pool| pool.as_ref().is_some_and(|pool| !inventory.pools().contains_key(pool)))
        {
            return Err(no_such_pool(pool));
        }
        let (mut all, pools) = inventory.into_parts();
        for name in nodes.iter() {
            self.set(all.entry(name).or_default());
        }
        Ok(Inventory::new(all, pools)?)
    }

    fn set(&self, node: &mut Node) {
        if let Some(mac) = &self.mac {
            node.mac.clone_from(mac);
        }
        if let Some(address) = self.address {
            node.address = address;
        }
        if let Some(alias) = &self.alias {
            node.alias.clone_from(alias);
        }
        if let Some(pool) = &self.pool {
            node.pool.clone_from(pool);
            // Who is in a pool gets what the pool gets.
            node.image = None;
        }
        if let Some(parameters) = &self.kernel_parameters {
            node.kernel_parameters.clone_from(parameters);
        }
        for (name, value) in &self.variables {
            match value {
                Some(value) => node.variables.insert(name.clone(), value.clone()),
                None => node.variables.remove(name),
            };
        }
    }
}

/// What is set of a pool; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolEdit {
    /// The image; nothing takes it away.
    pub image: Option<Option<VersionReference>>,
    /// Nodes that come in; those that are not there yet are made.
    pub nodes: Option<NodeSet>,
    /// Where from its nodes boot.
    pub boot: Option<PoolBoot>,
    /// Whether `BOOTIF=` is put on the kernel line.
    pub bootif: Option<bool>,
    /// The kernel parameters; empty ones take them away.
    pub kernel_parameters: Option<KernelParameters>,
}

impl PoolEdit {
    /// Sets this of a pool, which is made when it is not there yet.
    ///
    /// # Errors
    /// When nodes and pools would not fit together.
    pub fn apply(&self, inventory: Inventory, name: &PoolName) -> Result<Inventory> {
        let (nodes, mut pools) = inventory.into_parts();
        self.set(pools.entry(name.clone()).or_default());
        let inventory = Inventory::new(nodes, pools)?;
        match &self.nodes {
            Some(nodes) => {
                NodeEdit { pool: Some(Some(name.clone())), ..NodeEdit::default() }.apply(inventory, nodes)
            }
            None => Ok(inventory),
        }
    }

    fn set(&self, pool: &mut Pool) {
        if let Some(image) = &self.image {
            pool.image.clone_from(image);
        }
        if let Some(boot) = self.boot {
            pool.boot = boot;
        }
        if let Some(bootif) = self.bootif {
            pool.bootif = bootif;
        }
        if let Some(parameters) = &self.kernel_parameters {
            pool.kernel_parameters.clone_from(parameters);
        }
    }
}

impl Inventory {
    /// Without these nodes.
    ///
    /// # Errors
    /// When one is not there.
    pub fn without_nodes(self, nodes: &NodeSet) -> Result<Self> {
        must_have(&self, nodes)?;
        let (mut all, pools) = self.into_parts();
        all.retain(|name, _| !nodes.contains(name));
        Ok(Self::new(all, pools)?)
    }

    /// Without a pool, which must be empty: its nodes would get something else with their next boot.
    ///
    /// # Errors
    /// When it is not there, or has nodes.
    pub fn without_pool(self, name: &PoolName) -> Result<Self> {
        if !self.pools().contains_key(name) {
            return Err(no_such_pool(name));
        }
        let members = self.members(name);
        if !members.is_empty() {
            return Err(Error::refused(format!("pool {name} has nodes: {members}"))
                .hint(format!("disklessset node set {members} --pool OTHER")));
        }
        let (nodes, mut pools) = self.into_parts();
        pools.remove(name);
        Ok(Self::new(nodes, pools)?)
    }

    /// With an image of their own for nodes that are in no pool; those that are not there yet are made.
    ///
    /// # Errors
    /// When a node has a pool.
    pub fn with_image(self, image: &VersionReference, nodes: &NodeSet) -> Result<Self> {
        let (mut all, pools) = self.into_parts();
        for name in nodes.iter() {
            if let Some(pool) = all.get(&name).and_then(|node| node.pool.as_ref()) {
                return Err(Error::refused(format!(
                    "node {name} is in the pool {pool} and gets what that gets"
                ))
                .hint(format!(
                    "disklessset pool set {pool} --image {image}, or disklessset node set {name} --pool ''"
                )));
            }
            all.entry(name).or_default().image = Some(image.clone());
        }
        Ok(Self::new(all, pools)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::ErrorKind;

    fn inventory() -> Inventory {
        let text = "format: 1\npools: {a: {}, b: {}}\nnodes:\n  c1: {mac: 5254.0000.0001, pool: a}\n  c2: {image: web}\n";
        Inventory::parse(text).unwrap()
    }

    fn set(text: &str) -> NodeSet {
        text.parse().unwrap()
    }

    #[test]
    fn edits_of_nodes_change_what_they_name_and_nothing_else() {
        let edit = NodeEdit {
            pool: Some(Some("b".parse().unwrap())),
            variables: vec![("rack".parse().unwrap(), Some("r1".parse().unwrap()))],
            ..NodeEdit::default()
        };
        let after = edit.apply(inventory(), &set("c[1-3]")).unwrap();
        assert_eq!(after.members(&"b".parse().unwrap()).to_string(), "c[1-3]");
        let text = after.to_text().unwrap();
        assert!(text.contains("52:54:00:00:00:01") && !text.contains("image: web"), "{text}");
        let edit = NodeEdit {
            pool: Some(None),
            mac: Some(Vec::new()),
            variables: vec![("rack".parse().unwrap(), None)],
            ..NodeEdit::default()
        };
        let after = edit.apply(after, &set("c1")).unwrap();
        assert_eq!(after.nodes()[&"c1".parse().unwrap()], Node::default());
    }

    #[test]
    fn edits_that_cannot_be_are_refused_by_their_kind() {
        let kind = |done: Result<Inventory>| done.unwrap_err().kind;
        let mac = NodeEdit { mac: Some(vec!["5254.0000.0001".parse().unwrap()]), ..NodeEdit::default() };
        assert_eq!(kind(mac.apply(inventory(), &set("c[1-2]"))), ErrorKind::USAGE);
        assert_eq!(kind(mac.apply(inventory(), &set("c2"))), ErrorKind::REFUSED);
        let pool = NodeEdit { pool: Some(Some("none".parse().unwrap())), ..NodeEdit::default() };
        assert_eq!(kind(pool.apply(inventory(), &set("c1"))), ErrorKind::NOT_FOUND);
        assert_eq!(kind(inventory().without_nodes(&set("c[2-3]"))), ErrorKind::NOT_FOUND);
        assert_eq!(kind(inventory().without_pool(&"none".parse().unwrap())), ErrorKind::NOT_FOUND);
        assert_eq!(kind(inventory().without_pool(&"a".parse().unwrap())), ErrorKind::REFUSED);
        let error = inventory().with_image(&"web".parse().unwrap(), &set("c1")).unwrap_err();
        assert!(error.kind == ErrorKind::REFUSED && error.to_string().contains("pool a"), "{error}");
    }

    #[test]
    fn pools_are_made_changed_and_removed() {
        let name: PoolName = "new".parse().unwrap();
        let edit = PoolEdit {
            image: Some(Some("web@7".parse().unwrap())),
            nodes: Some(set("c[1,9]")),
            ..PoolEdit::default()
        };
        let after = edit.apply(inventory(), &name).unwrap();
        assert_eq!(after.members(&name).to_string(), "c[1,9]");
        let edit = PoolEdit { boot: Some(PoolBoot::Local), ..PoolEdit::default() };
        let after = edit.apply(after, &name).unwrap();
        assert_eq!(after.pools()[&name].image, Some("web@7".parse().unwrap()));
        let after = after.without_nodes(&set("c[1,9]")).unwrap().without_pool(&name).unwrap();
        assert!(!after.pools().contains_key(&name));
    }
}
