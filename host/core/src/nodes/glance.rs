//! The names of nodes and pools from the text of the node file, without what is said of them: who completes a command line has no
//! time to understand ten thousand nodes.

use super::{inventory::Inventory, pool_name::PoolName};
use disklessset_plugin_api::node_set::NodeName;

/// The names that a node file has, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamesAtAGlance {
    /// The names of nodes.
    pub nodes: Vec<NodeName>,
    /// The names of pools.
    pub pools: Vec<PoolName>,
}

impl NamesAtAGlance {
    /// The names in a text that stands in lines, as it is written by the program; nothing where somebody has written it otherwise.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (mut found, mut section, mut depth) = (Self::default(), "", None);
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
        {
            let indent = line.len() - line.trim_start().len();
            if indent > 0 && *depth.get_or_insert(indent) != indent {
                continue;
            }
            let (name, value) = line.split_once(':')?;
            if indent == 0 {
                if !name.bytes().all(|byte| byte.is_ascii_lowercase()) {
                    return None;
                }
                (section, depth) = (name, None);
                if ["nodes", "pools"].contains(&name) && !["", "{}"].contains(&value.trim()) {
                    return None;
                }
                continue;
            }
            let name = name.trim().trim_matches(['"', '\'']);
            match section {
                "nodes" => found.nodes.push(name.parse().ok()?),
                "pools" => found.pools.push(name.parse().ok()?),
                _ => {}
            }
        }
        Some(found)
    }

    /// Those of nodes and pools that were understood.
    pub(super) fn of_inventory(inventory: &Inventory) -> Self {
        let (nodes, pools) = (inventory.nodes().keys().cloned(), inventory.pools().keys().cloned());
        Self { nodes: nodes.collect(), pools: pools.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a: b\nformat: 1\npools:\n  compute:\n    image: web01@7\nnodes:\n  c001:\n    mac: 52:54:00:ab:cd:01\n    alias:\n    - login\n    variables:\n      rack: r12\n  \
                        '17': {}\n";

    #[test]
    fn names_are_those_that_are_understood() {
        let glance = NamesAtAGlance::of(TEXT).unwrap();
        let mut sorted = glance.clone();
        sorted.nodes.sort();
        assert_eq!(sorted, NamesAtAGlance::of_inventory(&Inventory::parse(TEXT).unwrap()));
        assert_eq!(glance.nodes.len(), 2);
    }

    #[test]
    fn what_is_written_otherwise_has_to_be_understood() {
        for text in ["nodes: {c1: {}}\n", "{nodes: {}}\n", "nodes:\n  - x\n"] {
            assert_eq!(NamesAtAGlance::of(text), None, "{text}");
        }
        assert_eq!(NamesAtAGlance::of(""), Some(NamesAtAGlance::default()));
    }
}
