//! What a change of nodes and pools makes, alters and removes, for programs that compare before and after.

use super::{
    InventoryChange, ListedNode, ListedPool,
    shown::{listed_node, listed_pool},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// A node or pool that is another one after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Altered<T> {
    /// As it was; nothing where it is made.
    pub before: Option<T>,
    /// As it is; nothing where it is removed.
    pub after: Option<T>,
}

impl<T: PartialEq> Altered<T> {
    fn between(before: Option<T>, after: Option<T>) -> Option<Self> {
        (before != after).then_some(Self { before, after })
    }
}

impl InventoryChange {
    /// The nodes that are others, in the order of their names.
    pub fn altered_nodes(&self) -> Vec<Altered<ListedNode>> {
        let (before, after) = (self.before.nodes(), self.after.nodes());
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
        let altered = differing.filter_map(|name| {
            let listed = |node| listed_node(name, node);
            Altered::between(before.get(name).map(listed), after.get(name).map(listed))
        });
        altered.collect()
    }

    /// The pools that are others or have other nodes, in the order of their names.
    pub fn altered_pools(&self) -> Vec<Altered<ListedPool>> {
        let (before, after) = (self.before.pools(), self.after.pools());
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let altered = names.into_iter().filter_map(|name| {
            let was = before.get(name).map(|pool| listed_pool(&self.before, name, pool));
            Altered::between(was, after.get(name).map(|pool| listed_pool(&self.after, name, pool)))
        });
        altered.collect()
    }
}
