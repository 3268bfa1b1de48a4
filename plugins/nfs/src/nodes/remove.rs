//! Removing nodes: out of service by one rename each, deleted at the end.

use super::{present, typed};
use crate::{
    exporting, overlays,
    places::{self, Golden},
};
use disklessset_kit::{file_error, node_set::NodeSet};
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
    fn of(image: &Image, nodes: &str, places: &Golden) -> Result<Self> {
        let (asked, there) = (typed(nodes)?, present(places)?);
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
pub(crate) fn check(image: &Image, nodes: &str, host: &Host<'_>) -> Result<()> {
    Removal::of(image, nodes, &Golden::of(image.name(), host)?).map(drop)
}

/// Removes the trees of nodes. Killed in the middle, those that are out of service go, the others stay.
pub(crate) fn remove(image: &mut Image, nodes: &str, host: &Host<'_>) -> Result<Value> {
    let places = Golden::of(image.name(), host)?;
    let Removal { there, gone, absent, views } = Removal::of(image, nodes, &places)?;
    if !absent.is_empty() {
        host.warn(format!("{absent}: not there"));
    }
    host.acquire_directory(&places.work, Hold::Action)?;
    let total = gone.len() as u64;
    for (done, node) in (0_u64..).zip(gone.iter()) {
        host.checkpoint()?;
        host.progress("removing the trees of nodes", done, total);
        exporting::unexport_node(image, &node, &places, host)?;
        if views.contains(&node) {
            overlays::remove(&node, &places, host)?;
            continue;
        }
        // The work area is on record and goes at the end, however the action ends.
        places::put_new(&places.node(&node), &places.work.join(node.as_ref()), host)?;
    }
    places::flush_parent(&places.nodes.join("any"))?;
    image.set("nodes", there.difference(&gone).to_string());
    Ok(json!({ "removed": gone.to_string() }))
}

/// What is mounted in a tree is somebody's: it would keep the tree from being deleted.
fn nothing_mounted(nodes: &NodeSet, views: &NodeSet, places: &Golden) -> Result<()> {
    let mounted = mount_table::mounts_below(&places.nodes).map_err(file_error::told)?;
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
