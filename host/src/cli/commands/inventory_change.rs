//! What is said of changes of nodes and pools, before and after them.

use super::node_trees::MissingTrees;
use crate::{
    cli::request::Session,
    nodes::{Altered, Inventory, InventoryChange, ListedNode, ListedPool, PoolName},
    output::Format,
};
use disklessset_plugin_api::{Result, node_set::NodeSet};
use serde::Serialize;
use std::collections::BTreeMap;

/// A change for programs: what is another one after it.
#[derive(Serialize)]
struct Told {
    pools: Vec<Altered<ListedPool>>,
    nodes: Vec<Altered<ListedNode>>,
}

/// What a change would do, a line each.
pub(super) fn plan(
    session: &Session,
    edit: impl FnOnce(Inventory) -> Result<Inventory>,
) -> Result<Vec<String>> {
    let change = session.nodes().plan(edit)?;
    let trees: Vec<String> = MissingTrees::of(session, &change)?
        .iter()
        .map(|missing| missing.plan(session))
        .collect::<Result<_>>()?;
    if tell_programs(session, &change) {
        return Ok(Vec::new());
    }
    let change = lines(&change, &["make", "change", "remove", "move"]);
    let lines: Vec<String> = trees.into_iter().chain(change).collect();
    if lines.is_empty() {
        session.output.say(AS_IT_IS);
    }
    Ok(lines)
}

/// Does it, and says what was done. Trees that nodes are going to boot from are made first: what fails then has changed nothing of nodes.
pub(super) fn run(
    session: &Session,
    operation: &str,
    edit: impl Fn(Inventory) -> Result<Inventory>,
) -> Result<()> {
    let before = session.nodes().inventory()?;
    let wanted = InventoryChange { after: edit(before.clone())?, before };
    let missing = MissingTrees::of(session, &wanted)?;
    if !missing.is_empty() {
        // What would be refused is, before a tree is made for it.
        session.nodes().plan(&edit)?;
        missing.iter().try_for_each(|missing| missing.make(session))?;
    }
    let change = session.nodes().change(operation, edit)?;
    tell_programs(session, &change);
    let lines = lines(&change, &["made", "changed", "removed", "moved"]);
    if lines.is_empty() {
        session.output.say(AS_IT_IS);
    }
    lines.iter().for_each(|line| session.output.say(line));
    Ok(())
}

/// Whether data is for a program; then the change is told as such.
fn tell_programs(session: &Session, change: &InventoryChange) -> bool {
    let wanted = session.output.format() != Format::Table;
    if wanted {
        let told = Told { pools: change.altered_pools(), nodes: change.altered_nodes() };
        session.output.document("change", &told, |_| String::new());
    }
    wanted
}

const AS_IT_IS: &str = "Nothing changes: it is so already.";

fn lines(change: &InventoryChange, [make, alter, remove, shift]: &[&str; 4]) -> Vec<String> {
    let InventoryChange { before, after } = change;
    let mut lines = Vec::new();
    for (name, pool) in after.pools() {
        match before.pools().get(name) {
            None => lines.push(format!("{make} pool {name}")),
            Some(known) if known != pool => lines.push(format!("{alter} pool {name}")),
            Some(_) => {}
        }
    }
    let gone = before.pools().keys().filter(|name| !after.pools().contains_key(*name));
    lines.extend(gone.map(|name| format!("{remove} pool {name}")));
    let (mut made, mut altered) = (NodeSet::default(), NodeSet::default());
    let mut moved: BTreeMap<(&PoolName, Option<&PoolName>), NodeSet> = BTreeMap::new();
    for (name, node) in after.nodes() {
        match before.nodes().get(name) {
            None => drop(made.insert(name.clone())),
            Some(known) if known == node => {}
            Some(known) => match &known.pool {
                Some(from) if known.pool != node.pool => {
                    moved.entry((from, node.pool.as_ref())).or_default().insert(name.clone());
                }
                _ => drop(altered.insert(name.clone())),
            },
        }
    }
    let gone = before.nodes().keys().filter(|name| !after.nodes().contains_key(*name)).cloned().collect();
    lines.extend(line(make, &made));
    lines.extend(line(alter, &altered));
    for ((from, to), nodes) in moved {
        let to = to.map(|to| format!(" to pool {to}")).unwrap_or_else(|| " to no pool".to_owned());
        lines.extend(line(shift, &nodes).map(|line| format!("{line} from pool {from}{to}")));
    }
    lines.extend(line(remove, &gone));
    lines
}

fn line(verb: &str, nodes: &NodeSet) -> Option<String> {
    match nodes.len() {
        0 => None,
        1 => Some(format!("{verb} node {nodes}")),
        number => Some(format!("{verb} {number} nodes: {nodes}")),
    }
}
