//! Adding nodes: each gets a tree of its own, whole or not at all.

use super::{
    making::{SpaceCheck, make_trees},
    present,
};
use crate::{
    exporting, identities, overlays,
    parameters::NewNodes,
    places::{self, Golden},
};
use disklessset_kit::{node_set::NodeSet, space, trees::Wanted};
use disklessset_plugin_api::{Hold, Host, Image, ParamKind, ParameterType, Result};
use disklessset_system::bytes::Bytes;
use serde_json::{Value, json};

/// The word for [`NodeKind::Overlay`].
pub(crate) const OVERLAY: &str = "overlay";

/// What nodes get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A tree of their own.
    Tree(Wanted),
    /// The golden tree, and a directory for what they write.
    Overlay,
}

impl ParameterType for NodeKind {
    fn kind() -> ParamKind {
        match Wanted::kind() {
            ParamKind::Choice { mut choices } => {
                choices.push(OVERLAY.to_owned());
                ParamKind::Choice { choices }
            }
            other => other,
        }
    }

    fn from_value(value: &Value) -> std::result::Result<Self, String> {
        match value.as_str() {
            Some(OVERLAY) => Ok(Self::Overlay),
            _ => Wanted::from_value(value).map(Self::Tree),
        }
    }
}

/// Refuses a set that cannot be added, and changes nothing.
pub(crate) fn check(image: &Image, nodes: &NodeSet, host: &Host<'_>) -> Result<()> {
    let places = Golden::of(image.name(), host)?;
    present(&places)?.union(nodes).within_limit()?;
    Ok(())
}

/// Says what trees for nodes take that have none.
pub(crate) fn tell_cost(image: &Image, nodes: &NodeSet, host: &Host<'_>) -> Result<()> {
    let places = Golden::of(image.name(), host)?;
    let new = nodes.difference(&present(&places)?);
    if new.is_empty() || !places.tree.is_dir() {
        return Ok(());
    }
    let one = space::tree_need(&places.tree, &space::free_space(&places.base)?)?;
    let all = Bytes(one.bytes.saturating_mul(new.len() as u64));
    host.info(format!(
        "a tree is {} in {} files: {} of them are {all} where they are copied, and next to nothing where the file system shares their data",
        Bytes(one.bytes),
        one.files,
        new.len()
    ));
    Ok(())
}

/// Makes trees for nodes that have none. Killed in the middle, the finished ones stay.
pub(crate) fn add(image: &mut Image, wanted: &NewNodes, host: &Host<'_>) -> Result<Value> {
    let places = Golden::of(image.name(), host)?;
    let (asked, there) = (&wanted.nodes, present(&places)?);
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
    let method = match wanted.method {
        NodeKind::Tree(wanted) => {
            make_trees(&new, &places, SpaceCheck::ToBeChecked, |_| places.tree.clone(), wanted, host)?
                .to_string()
        }
        NodeKind::Overlay => {
            overlays::add(&new, &places, host)?;
            OVERLAY.to_owned()
        }
    };
    image.set("nodes", all.to_string());
    exporting::export_nodes(image, &new, &places, host)?;
    Ok(json!({ "added": new.to_string(), "method": method }))
}
