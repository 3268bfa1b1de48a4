//! Removing nodes: out of service by one rename each, and deleted, by as many as take a moment.

use super::{batches::Batches, present};
use crate::{
    exporting, overlays,
    places::{self, Golden},
};
use disklessset_kit::{
    directories, file_error,
    node_set::{NodeName, NodeSet},
};
use disklessset_plugin_api::{Error, ErrorKind, Hold, Host, Image, Result};
use disklessset_system::mount_table;
use serde_json::{Value, json};

/// What a removal is about.
struct Removal {
    /// The nodes that are there, and of these the ones that go.
    there: NodeSet,
    gone: NodeSet,
    /// The ones that are asked for and not there.
    absent: NodeSet,
    /// Those that are overlays.
    views: NodeSet,
}

impl Removal {
    fn of(image: &Image, nodes: &NodeSet, places: &Golden) -> Result<Self> {
        let (asked, there) = (nodes, present(places)?);
        let (gone, absent) = (asked.intersection(&there), asked.difference(&there));
        if gone.is_empty() {
            return Err(Error::new(
                ErrorKind::NOT_FOUND,
                format!("image {} has no nodes {asked}", image.name()),
            )
            .hint(format!("disklessset nfs nodes list {}", image.name())));
        }
        let views = overlays::present(places)?;
        nothing_mounted(&gone, &views, places)?;
        Ok(Self { there, gone, absent, views })
    }
}

/// Refuses what cannot be removed, and changes nothing.
pub(crate) fn check(image: &Image, nodes: &NodeSet, host: &Host<'_>) -> Result<()> {
    Removal::of(image, nodes, &Golden::of(image.name(), host)?).map(drop)
}

/// Removes the trees of nodes. Killed or stopped in the middle, those that are out of service go, the others stay.
pub(crate) fn remove(image: &mut Image, nodes: &NodeSet, host: &Host<'_>) -> Result<Value> {
    let places = Golden::of(image.name(), host)?;
    let Removal { there, gone, absent, views } = Removal::of(image, nodes, &places)?;
    if !absent.is_empty() {
        host.warn(format!("{absent}: not there"));
    }
    host.acquire_directory(&places.work, Hold::Action)?;
    let total = gone.len() as u64;
    let mut done = 0;
    for batch in Batches::of(&gone) {
        host.checkpoint()?;
        host.progress("removing the trees of nodes", done, total);
        done += batch.len() as u64;
        let (of_views, of_trees): (Vec<_>, Vec<_>) = batch.into_iter().partition(|node| views.contains(node));
        for node in of_views.iter().chain(&of_trees) {
            exporting::unexport_node(image, node, &places, host)?;
        }
        overlays::remove(&of_views, &places, host)?;
        for node in &of_trees {
            retire(node, &places, host)?;
        }
        delete_retired(&places, host)?;
    }
    image.set("nodes", there.difference(&gone).to_string());
    Ok(json!({ "removed": gone.to_string() }))
}

/// Takes a tree out of service. The work area is on record and goes at the end, however the action ends.
fn retire(node: &NodeName, places: &Golden, host: &Host<'_>) -> Result<()> {
    places::make_directory(&places.retired(), 0o700)?;
    places::put_new(&places.node(node), &places.retired().join(node.as_ref()), host)
}

/// Deletes what is out of service.
fn delete_retired(places: &Golden, host: &Host<'_>) -> Result<()> {
    // Not before that is on disk: after a power cut no node may have half a tree.
    for parent in [&places.nodes, &places.overlays] {
        if parent.is_dir() {
            directories::flush_above(&parent.join("any"))?;
        }
    }
    host.remove(&places.retired())
}

/// What is mounted in a tree is somebody's: it would keep the tree from being deleted.
fn nothing_mounted(nodes: &NodeSet, views: &NodeSet, places: &Golden) -> Result<()> {
    let mounted = mount_table::mounts_below(&places.nodes).map_err(file_error::into_api_error)?;
    for mount in mounted {
        let below = mount.target.strip_prefix(&places.nodes).ok();
        let name = below.and_then(|below| below.components().next());
        let Some(node) = name.and_then(|name| name.as_str().parse().ok()) else { continue };
        let own = mount.target == places.node(&node) && views.contains(&node);
        if nodes.contains(&node) && !own {
            return Err(Error::refused(format!(
                "cannot remove node {node}: still mounted at {}",
                mount.target
            ))
            .hint(format!("umount {}", mount.target)));
        }
    }
    Ok(())
}
