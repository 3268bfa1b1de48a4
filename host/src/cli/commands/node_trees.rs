//! Trees of nodes whose image has a tree for each node: made before a change of nodes and pools leads them there.

use crate::{
    cli::request::Session,
    nodes::{Inventory, InventoryChange, Node, PoolBoot},
};
use disklessset_plugin_api::{Error, Image, ImageName, Raw, Result, node_set::NodeSet};
use std::collections::BTreeMap;

/// The action of such a class that makes trees.
const ADD: &str = "nodes add";
/// Its parameter, and the attribute of an image with the nodes that have a tree.
const NODES: &str = "nodes";

/// Nodes of one image that have no tree of it.
pub(super) struct MissingTrees {
    image: Image,
    nodes: NodeSet,
}

impl MissingTrees {
    /// Of the nodes that a change has boot another image than before.
    ///
    /// # Errors
    /// When the module of an image with trees cannot be used.
    pub(super) fn of(session: &Session, change: &InventoryChange) -> Result<Vec<Self>> {
        let InventoryChange { before, after } = change;
        let mut coming: BTreeMap<&ImageName, NodeSet> = BTreeMap::new();
        for (name, node) in after.nodes() {
            let Some(image) = image_of(after, node) else { continue };
            let known = before.nodes().get(name).and_then(|node| image_of(before, node));
            if known != Some(image) {
                coming.entry(image).or_default().insert(name.clone());
            }
        }
        let mut missing = Vec::new();
        for (name, nodes) in coming {
            // What is wrong with the image, the change itself tells.
            let Ok(image) = session.images().recorded(name) else { continue };
            let Ok(Some(there)) = image.get::<String>(NODES) else { continue };
            let Ok(there) = NodeSet::parse_recorded(&there) else { continue };
            let nodes = nodes.difference(&there);
            if !nodes.is_empty() && makes_trees(session, &image)? {
                missing.push(Self { image, nodes });
            }
        }
        Ok(missing)
    }

    /// Refuses what cannot be made, has the class say what it costs, and tells what would be done.
    ///
    /// # Errors
    /// Those with which the making would end before it begins.
    pub(super) fn plan(&self, session: &Session) -> Result<String> {
        let Self { image, nodes } = self;
        session.images().rehearse(image.class(), ADD, image.name(), self.given())?;
        Ok(format!("make trees of image {} for {}", image.name(), in_words(nodes)))
    }

    /// Asks, unless that was answered with `--yes`, and makes them.
    ///
    /// # Errors
    /// When the answer is no; those of the making.
    pub(super) fn make(&self, session: &Session) -> Result<()> {
        let Self { image, nodes } = self;
        let have = if nodes.len() == 1 { "has" } else { "have" };
        let question =
            format!("{} {have} no tree of image {}. Make what is missing?", in_words(nodes), image.name());
        if !session.output.confirmation(&question)? {
            return Err(Error::refused("not confirmed: nothing was done"));
        }
        session.images().run_action(image.class(), ADD, image.name(), self.given())?;
        session.output.end_progress();
        session.output.say(&format!("made trees of image {} for {}", image.name(), in_words(nodes)));
        Ok(())
    }

    fn given(&self) -> BTreeMap<String, Raw> {
        [(NODES.to_owned(), Raw::Text(self.nodes.to_string()))].into()
    }
}

/// The image that a node boots, if it is one.
fn image_of<'i>(inventory: &'i Inventory, node: &'i Node) -> Option<&'i ImageName> {
    let of_pool = inventory.pool_of(node).map(|(_, pool)| pool).filter(|pool| pool.boot == PoolBoot::Image);
    let named = node.image.as_ref().or_else(|| of_pool?.image.as_ref());
    named.map(|named| &named.image)
}

fn makes_trees(session: &Session, image: &Image) -> Result<bool> {
    let actions = session.site.classes().actions_of_class(image.class())?;
    Ok(actions.iter().any(|action| action.words == ADD))
}

fn in_words(nodes: &NodeSet) -> String {
    match nodes.len() {
        1 => format!("node {nodes}"),
        number => format!("{number} nodes ({nodes})"),
    }
}
