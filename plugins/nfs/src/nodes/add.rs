//! Adding nodes: each gets a tree of its own, whole or not at all.

use super::{present, typed};
use crate::{
    exporting, identities, overlays,
    places::{self, Golden},
    trees_room,
};
use camino::Utf8PathBuf;
use disklessset_kit::{
    node_set::{NodeName, NodeSet},
    trees::{self, Method, Wanted},
};
use disklessset_plugin_api::{Hold, Host, Image, Result};
use serde_json::{Value, json};

/// What nodes get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// A tree of their own.
    Tree(Wanted),
    /// The golden tree, and a directory for what they write.
    Overlay,
}

/// Whether there is room for trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// They are alike, and nobody looked.
    ToBeChecked,
    /// The caller looked.
    Checked,
}

/// Refuses a set that cannot be added, and changes nothing.
pub(crate) fn check(image: &Image, nodes: &str, host: &Host<'_>) -> Result<()> {
    let places = Golden::of(image.name(), host)?;
    present(&places)?.union(&typed(nodes)?).within_limit()?;
    Ok(())
}

/// Makes trees for nodes that have none. Killed in the middle, the finished ones stay.
pub(crate) fn add(image: &mut Image, nodes: &str, how: How, host: &Host<'_>) -> Result<Value> {
    let places = Golden::of(image.name(), host)?;
    let (asked, there) = (typed(nodes)?, present(&places)?);
    let (new, kept) = (asked.difference(&there), asked.intersection(&there));
    let all = there.union(&new).within_limit()?;
    if !kept.is_empty() {
        host.warn(format!("{kept}: there already, and left as they are"));
    }
    overlays::mount_again(&kept, &places, host)?;
    if new.is_empty() {
        // A tree that came here by another way is a node's from now on.
        let recorded = NodeSet::parse_recorded(&image.text("nodes").unwrap_or_default());
        if recorded.as_ref() != Ok(&there) {
            image.set("nodes", there.to_string());
            exporting::export_nodes(image, &kept, &places, host)?;
        }
        return Ok(json!({ "added": "" }));
    }
    identities::warn(&places.tree, host);
    host.acquire_directory(&places.work, Hold::Action)?;
    places::make_directory(&places.nodes, 0o755)?;
    let method = match how {
        How::Tree(wanted) => {
            make_trees(&new, &places, Room::ToBeChecked, |_| places.tree.clone(), wanted, host)?.to_string()
        }
        How::Overlay => {
            overlays::add(&new, &places, host)?;
            "overlay".to_owned()
        }
    };
    image.set("nodes", all.to_string());
    exporting::export_nodes(image, &new, &places, host)?;
    Ok(json!({ "added": new.to_string(), "method": method }))
}

/// Makes a tree for each node, from the tree that `source` tells for it. The work area is there.
pub(crate) fn make_trees(
    nodes: &NodeSet,
    places: &Golden,
    room: Room,
    source: impl Fn(&NodeName) -> Utf8PathBuf,
    wanted: Wanted,
    host: &Host<'_>,
) -> Result<Method> {
    let total = nodes.len() as u64;
    let mut method = Method::Copy;
    let mut chosen = None;
    for (done, node) in (0_u64..).zip(nodes.iter()) {
        host.checkpoint()?;
        let from = source(&node);
        // All trees of an image are alike in this, or are one and the same.
        if chosen.is_none() {
            let choice = trees::choose(&from, &places.work, wanted, host)?;
            host.info(format!("making trees by {} ({})", choice.method, choice.why));
            method = choice.method;
            if room == Room::ToBeChecked {
                trees_room::of_nodes(nodes, &from, &places.work, method, host)?;
            }
            chosen = Some(choice);
        }
        host.progress("making the trees of nodes", done, total);
        let made = places.work.join(node.as_ref());
        let copied = trees::copy_one_of_many(&from, &made, method, host)
            .map_err(|error| error.context(format!("cannot make the tree of node {node}")))?;
        // All are copies of the same, or nearly: what one loses, all lose.
        for line in copied.lost.iter().filter(|_| done == 0) {
            host.warn(format!("each of the copies loses {line}"));
        }
        places::put_new(&made, &places.node(&node), host)?;
    }
    if total > 0 {
        host.progress("making the trees of nodes", total, total);
    }
    places::flush_parent(&places.nodes.join("any"))?;
    Ok(method)
}
