//! The nodes of a golden image. A node is there when its tree is in `nodes/`, and trees come there whole, by one rename.

mod add;
mod batches;
mod cost;
mod making;
mod remove;

pub(crate) use add::{NodeKind, OVERLAY, add, check as check_addition, tell_cost};
pub(crate) use batches::Batches;
pub(crate) use making::{SpaceCheck, make_trees};
pub(crate) use remove::{check as check_removal, remove};

use crate::{exporting, overlays, places::Golden};
use camino::Utf8Path;
use disklessset_kit::node_set::{NodeName, NodeSet};
use disklessset_plugin_api::{Error, Host, Image, Result};
use serde_json::Value;

/// The nodes whose trees are there, or are overlays.
///
/// # Errors
/// When a directory cannot be read. What has no name of a node is nobody's tree, and not counted.
pub(crate) fn present(places: &Golden) -> Result<NodeSet> {
    Ok(in_directory(&places.nodes)?.union(&overlays::present(places)?))
}

/// The nodes that have a directory in this one.
pub(crate) fn in_directory(directory: &Utf8Path) -> Result<NodeSet> {
    let fault = |cause| Error::failed(format!("cannot read {directory}")).because(cause);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        // 1.x made the directory of nodes with the first of them; that of overlays is there while there are some.
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(NodeSet::default()),
        Err(cause) => return Err(fault(cause)),
    };
    let mut nodes = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fault)?;
        let directory = entry.file_type().map_err(fault)?.is_dir();
        let name = entry.file_name().into_string().ok().and_then(|name| name.parse::<NodeName>().ok());
        nodes.extend(name.filter(|_| directory));
    }
    Ok(nodes.into_iter().collect())
}

/// The nodes, one by one.
pub(crate) fn list(image: &Image, host: &Host<'_>) -> Result<Value> {
    let present = present(&Golden::of(image.name(), host)?)?;
    Ok(present.iter().map(|node| Value::String(node.to_string())).collect())
}

/// Sets what follows from the directories after an action was killed.
///
/// Exports come and go at the end of an action, all at once and from the host's record: an action on them alone leaves nothing.
pub(crate) fn recovered(image: &mut Image, action: &str, host: &Host<'_>) -> Result<Option<String>> {
    if matches!(action, "export" | "unexport") {
        return Ok(None);
    }
    let places = Golden::of(image.name(), host)?;
    overlays::recovered(&places, host)?;
    let present = present(&places)?;
    exporting::export_nodes(image, &present, &places, host)?;
    exporting::unexport_gone(image, &present, &places, host)?;
    let recorded = image.text("nodes").unwrap_or_default();
    // Recorded nodes have been written in other ways: the same set is no change.
    if NodeSet::parse_recorded(&recorded).is_ok_and(|recorded| recorded == present) {
        return Ok(None);
    }
    image.set("nodes", present.to_string());
    let now = if present.is_empty() {
        "no nodes".to_owned()
    } else {
        format!("{} nodes: {present}", present.len())
    };
    Ok(Some(format!("{action} was interrupted; it has now {now}")))
}
