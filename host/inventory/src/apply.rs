//! Brings what an inventory says to the nodes on record.

use crate::{
    entry::{Entry, Found},
    error::ReadError,
    text::quoted,
};
use disklessset_core::nodes::{Inventory, InventoryError, Node, Pool, PoolName};
use disklessset_plugin_api::node_set::NodeName;
use std::{collections::BTreeMap, fmt::Display, str::FromStr};

type Pools = BTreeMap<PoolName, Pool>;

impl Found {
    /// The nodes on record with what the inventory says of them. What it does not say, and nodes that it does not name, stay as they are;
    /// [`whole`](Self::whole) inventories say all of the nodes that they name.
    ///
    /// # Errors
    /// When something cannot be true of a node, a pool does not exist, or two nodes would have the same.
    pub fn apply(&self, inventory: Inventory) -> Result<Inventory, ReadError> {
        let (mut nodes, pools) = inventory.into_parts();
        for entry in &self.entries {
            let name: NodeName = parsed(entry, &entry.name)?;
            let node = nodes.entry(name).or_default();
            if self.whole {
                *node = Node::default();
            }
            set(node, entry, &pools)?;
        }
        Inventory::new(nodes, pools).map_err(|error| self.located(&error))
    }

    /// The nodes that the inventory names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// With the line of the last node that it is about.
    fn located(&self, error: &InventoryError) -> ReadError {
        let line_of = |name: &NodeName| {
            self.entries.iter().find(|entry| entry.name == name.as_str()).and_then(|entry| entry.line)
        };
        let line = match error {
            InventoryError::Twice { first, second, .. } => line_of(first).max(line_of(second)),
            InventoryError::NoPool { node, .. } | InventoryError::PoolAndImage(node) => line_of(node),
            InventoryError::Text(_) => None,
        };
        ReadError::near(line, error.to_string())
    }
}

fn set(node: &mut Node, entry: &Entry, pools: &Pools) -> Result<(), ReadError> {
    if !entry.macs.is_empty() {
        node.mac = all(entry, &entry.macs)?;
    }
    if let Some(address) = &entry.address {
        node.address = Some(parsed(entry, address)?);
    }
    if !entry.aliases.is_empty() {
        node.alias = all(entry, &entry.aliases)?;
    }
    if let Some(image) = &entry.image {
        node.image = Some(parsed(entry, image)?);
        node.pool = None;
    }
    if let Some(pool) = pool_of(entry, pools)? {
        node.pool = Some(pool);
        if entry.image.is_none() {
            node.image = None;
        }
    }
    if let Some(parameters) = &entry.kernel_parameters {
        node.kernel_parameters = parsed(entry, parameters)?;
    }
    for (name, value) in &entry.variables {
        node.variables.insert(parsed(entry, name)?, parsed(entry, value)?);
    }
    Ok(())
}

/// The pool that an entry names, or the one of its groups that is a pool. Who is in no pool gets `default` anyway.
fn pool_of(entry: &Entry, pools: &Pools) -> Result<Option<PoolName>, ReadError> {
    if let Some(pool) = &entry.pool {
        let pool: PoolName = parsed(entry, pool)?;
        return match pools.contains_key(&pool) {
            true => Ok(Some(pool)),
            false => Err(fault(
                entry,
                &format!("there is no pool {pool}, which this makes: disklessset pool set {pool}"),
            )),
        };
    }
    let is_pool = |name: &PoolName| name.as_str() != PoolName::DEFAULT && pools.contains_key(name);
    let mut found = entry.groups.iter().filter_map(|group| group.parse().ok()).filter(is_pool);
    match (found.next(), found.next()) {
        (Some(first), Some(second)) if first != second => Err(fault(
            entry,
            &format!("its groups {first} and {second} are both pools, and a node is in one"),
        )),
        (first, _) => Ok(first),
    }
}

fn all<T: FromStr<Err: Display>>(entry: &Entry, texts: &[String]) -> Result<Vec<T>, ReadError> {
    texts.iter().map(|text| parsed(entry, text)).collect()
}

fn parsed<T: FromStr<Err: Display>>(entry: &Entry, text: &str) -> Result<T, ReadError> {
    text.parse().map_err(|error: T::Err| fault(entry, &error.to_string()))
}

fn fault(entry: &Entry, what: &str) -> ReadError {
    ReadError::near(entry.line, format!("node {}: {what}", quoted(&entry.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, read};

    const ON_RECORD: &str = "format: 1\npools: {compute: {}, login: {}, default: {}}\nnodes:\n  c1: {mac: 52:54:00:00:00:01, pool: login}\n  \
                             old: {address: 10.0.0.9}\n";

    fn applied(kind: Kind, text: &str) -> Result<Inventory, String> {
        let inventory = Inventory::parse(ON_RECORD).unwrap();
        let found = read(kind, text.as_bytes()).map_err(|error| error.to_string())?;
        found.apply(inventory).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_replaces_and_the_rest_stays() {
        let after =
            applied(Kind::Csv, "name,address,group\nc1,10.0.0.1,all compute\nc2,10.0.0.2,default\n").unwrap();
        let node = |name: &str| &after.nodes()[&name.parse::<NodeName>().unwrap()];
        assert_eq!((node("c1").mac.len(), node("c1").pool.as_ref().unwrap().as_str()), (1, "compute"));
        assert_eq!((node("c2").pool.as_ref(), after.nodes().len()), (None, 3));
        assert_eq!(node("old").address.unwrap().to_string(), "10.0.0.9");
    }

    #[test]
    fn yaml_says_all_of_a_node() {
        let after = applied(Kind::Yaml, "nodes:\n  c1: {address: 10.0.0.1}\n").unwrap();
        let node = &after.nodes()[&"c1".parse::<NodeName>().unwrap()];
        assert_eq!((node.mac.len(), node.pool.as_ref(), after.nodes().len()), (0, None, 2));
    }

    #[test]
    fn what_cannot_be_is_named_with_its_line_and_node() {
        for (text, told) in [
            ("name,mac\nc1,x\n", "line 2: node \"c1\": \"x\" is not the MAC address of a node"),
            ("name,pool\n\nc1,none\n", "line 3: node \"c1\": there is no pool none"),
            (
                "name,group\nc1,compute login\n",
                "line 2: node \"c1\": its groups compute and login are both pools",
            ),
            (
                "name,mac\nc2,\nc3,52:54:00:00:00:01\n",
                "line 3: the MAC address 52:54:00:00:00:01 is that of two nodes",
            ),
            ("name,var:a\nc2,a ${b}\n", "line 2: node \"c2\": values of variables may not hold"),
            ("name\nc 2\n", "line 2: node \"c 2\": "),
        ] {
            let error = applied(Kind::Csv, text).unwrap_err();
            assert!(error.starts_with(told) && !error.contains('\n'), "{error}");
        }
    }
}
