//! The names by which a node may ask for its boot file.

use crate::nodes::Inventory;
use disklessset_plugin_api::node_set::NodeName;
use std::collections::{BTreeMap, HashSet};

/// The names of all nodes: their own, in capitals, their aliases, and with the domain. iPXE can neither lower a text nor cut it. What one
/// node is called never leads to another that has it only with the domain.
pub(super) fn of_all<'i>(
    inventory: &'i Inventory,
    domain: Option<&str>,
) -> BTreeMap<&'i NodeName, Vec<String>> {
    let mut all: BTreeMap<&NodeName, Vec<String>> = BTreeMap::new();
    let mut taken = HashSet::new();
    for (name, node) in inventory.nodes() {
        let own: Vec<String> = std::iter::once(name).chain(&node.alias).map(ToString::to_string).collect();
        taken.extend(own.iter().cloned());
        all.insert(name, own);
    }
    for (name, names) in &mut all {
        let with_domain = domain.map(|domain| format!("{name}.{domain}"));
        for more in std::iter::once(name.as_str().to_ascii_uppercase()).chain(with_domain) {
            // The file system of some servers takes no longer one.
            if more.len() <= NodeName::LONGEST - 8 && taken.insert(more.clone()) {
                names.push(more);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_found_by_each_of_its_names_and_never_by_that_of_another() {
        let text = "format: 1\nnodes:\n  c1: {alias: login}\n  c2: {}\n  c2.site: {}\n  '7': {}\n";
        let inventory = Inventory::parse(text).unwrap();
        let all = of_all(&inventory, Some("site"));
        let of = |name: &str| all[&name.parse::<NodeName>().unwrap()].join(" ");
        assert_eq!(of("c1"), "c1 login C1 c1.site");
        assert_eq!(of("c2"), "c2 C2");
        assert_eq!(of("c2.site"), "c2.site C2.SITE c2.site.site");
        assert_eq!(of("7"), "7 7.site");
    }
}
