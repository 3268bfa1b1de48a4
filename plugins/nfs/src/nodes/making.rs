//! Making the trees of nodes: beside their places, on disk, then into their places by one rename each.
//!
//! A flush costs as much as making a small tree, and it is the file system's: so trees are made for a moment, flushed together, and put
//! into their places one after the other. A large tree takes longer than that moment and has a flush of its own.

use super::cost;
use crate::{
    places::{self, Golden},
    space_check,
};
use camino::Utf8PathBuf;
use disklessset_kit::{
    directories,
    node_set::{NodeName, NodeSet},
    trees::{self, Method, Wanted},
};
use disklessset_plugin_api::{ErrorKind, Host, Result};
use std::time::{Duration, Instant};

/// For how long trees are made before those that are whole come into their places: what a kill, or a stop, costs at the most.
const MOMENT: Duration = Duration::from_millis(500);

/// Whether there is room for trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpaceCheck {
    /// They are alike, and nobody looked.
    ToBeChecked,
    /// The caller looked.
    Checked,
}

/// Makes a tree for each node, from the tree that `source` tells for it. The work area is there.
pub(crate) fn make_trees(
    nodes: &NodeSet,
    places: &Golden,
    space: SpaceCheck,
    source: impl Fn(&NodeName) -> Utf8PathBuf,
    wanted: Wanted,
    host: &Host<'_>,
) -> Result<Method> {
    let total = nodes.len() as u64;
    let mut method = Method::Copy;
    let mut chosen = None;
    let mut whole = Whole::new(places, host);
    for (done, node) in (0_u64..).zip(nodes.iter()) {
        host.checkpoint()?;
        let from = source(&node);
        // All trees of an image are alike in this, or are one and the same.
        if chosen.is_none() {
            let choice = trees::choose(&from, &places.work, wanted, host)?;
            host.info(format!("making trees by {} ({})", choice.method, choice.why));
            method = choice.method;
            if space == SpaceCheck::ToBeChecked
                && let Some(all) = space_check::of_nodes(nodes, &from, &places.work, method, host)?
            {
                cost::tell(nodes.len(), all, &places.work, wanted, host);
            }
            chosen = Some(choice);
        }
        host.progress("making the trees of nodes", done, total);
        let copied = match trees::copy_one_of_many(&from, &places.work.join(node.as_ref()), method, host) {
            Ok(copied) => copied,
            Err(error) => {
                // Who stops it waits for an end: no flush of what others may have written. The work area goes, and these with it.
                if error.kind != ErrorKind::INTERRUPTED {
                    // Best effort: its error is not the one to tell.
                    let _ = whole.put();
                }
                return Err(error.context(format!("cannot make the tree of node {node}")));
            }
        };
        // All are copies of the same, or nearly: what one loses, all lose.
        for line in copied.lost.iter().filter(|_| done == 0) {
            host.warn(format!("each of the copies loses {line}"));
        }
        whole.add(node)?;
    }
    whole.put()?;
    if total > 0 {
        host.progress("making the trees of nodes", total, total);
    }
    directories::flush_above(&places.nodes.join("any"))?;
    Ok(method)
}

/// The trees that are whole, and not in their places yet.
struct Whole<'a, 'h> {
    nodes: Vec<NodeName>,
    since: Instant,
    places: &'a Golden,
    host: &'a Host<'h>,
}

impl<'a, 'h> Whole<'a, 'h> {
    fn new(places: &'a Golden, host: &'a Host<'h>) -> Self {
        Self { nodes: Vec::new(), since: Instant::now(), places, host }
    }

    /// One more. When the moment is over, all come into their places.
    fn add(&mut self, node: NodeName) -> Result<()> {
        self.nodes.push(node);
        if self.since.elapsed() >= MOMENT { self.put() } else { Ok(()) }
    }

    /// Has all on disk, then puts each into its place.
    fn put(&mut self) -> Result<()> {
        if !self.nodes.is_empty() {
            trees::flush(&self.places.work)?;
        }
        for node in self.nodes.drain(..) {
            places::put_new(&self.places.work.join(node.as_ref()), &self.places.node(&node), self.host)?;
        }
        self.since = Instant::now();
        Ok(())
    }
}
