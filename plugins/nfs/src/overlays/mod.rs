//! Nodes whose trees are overlays: the golden tree seen through what the node wrote.
//!
//! `overlays/<node>` holds what the node wrote, and is the truth: it comes whole, by one rename. The mount point in `nodes/`, the
//! mount, the unit and the line of the export follow from it and are made again whenever they are missing.

mod layers;

use crate::{
    nodes,
    places::{self, Golden},
};
use camino::Utf8PathBuf;
use disklessset_kit::{
    node_set::{NodeName, NodeSet},
    trees,
};
use disklessset_plugin_api::{Error, ErrorKind, Host, Image, Result, StandingOverlay};
use disklessset_system::{FileError, mount_table};

fn of(places: &Golden, node: &NodeName) -> StandingOverlay {
    let own = places.overlay(node);
    StandingOverlay {
        lower: places.tree.clone(),
        upper: own.join("upper"),
        work: own.join("work"),
        target: places.node(node),
    }
}

/// The nodes that are overlays.
pub(crate) fn present(places: &Golden) -> Result<NodeSet> {
    nodes::in_directory(&places.overlays)
}

/// Those that are not mounted: after a reboot without systemd, or because somebody unmounted them.
pub(crate) fn unmounted(places: &Golden) -> Result<NodeSet> {
    let mounted = mount_table::mounts_below(&places.nodes).map_err(unreadable)?;
    let is_mounted = |node: &NodeName| mounted.iter().any(|mount| mount.target == places.node(node));
    Ok(present(places)?.iter().filter(|node| !is_mounted(node)).collect())
}

fn unreadable(cause: FileError) -> Error {
    Error::failed("cannot read the mount table").because(cause.source)
}

/// Makes overlays for nodes that have no tree. The work area is there. Killed in the middle, the finished ones stay.
pub(crate) fn add(nodes: &NodeSet, places: &Golden, host: &Host<'_>) -> Result<()> {
    let total = nodes.len() as u64;
    // What nodes wrote is theirs and the server's root's.
    places::make_directory(&places.overlays, 0o700)?;
    for (done, node) in (0_u64..).zip(nodes.iter()) {
        host.checkpoint()?;
        host.progress("making the overlays of nodes", done, total);
        let made = places.work.join(node.as_ref());
        let outcome = layers::make(&places.tree, &made)
            .and_then(|()| places::put_new(&made, &places.overlay(&node), host))
            .and_then(|()| stand(&node, places, host));
        if let Err(error) = outcome {
            take_away(&node, places, host);
            return Err(error.context(format!("cannot make an overlay for node {node}")));
        }
    }
    host.progress("making the overlays of nodes", total, total);
    // The directories of each, the names of all.
    trees::flush(&places.base)
}

/// Makes the mount point and mounts, as far as that is not so.
fn stand(node: &NodeName, places: &Golden, host: &Host<'_>) -> Result<()> {
    places::make_directory(&places.node(node), 0o755)?;
    host.standing_overlay(&of(places, node))
}

/// Moves what there is of a node to where it is unfinished. Best effort: its error is not the one to tell.
fn take_away(node: &NodeName, places: &Golden, host: &Host<'_>) {
    let _ = std::fs::remove_dir(places.node(node));
    let _ = places::put_new(&places.overlay(node), &places.work.join(node.as_ref()), host);
    forget_empty(places);
}

/// The directory of overlays is there while there are some.
fn forget_empty(places: &Golden) {
    let _ = std::fs::remove_dir(&places.overlays);
}

/// Mounts those again that are not mounted.
pub(crate) fn mount_again(nodes: &NodeSet, places: &Golden, host: &Host<'_>) -> Result<()> {
    for node in nodes.intersection(&unmounted(places)?).iter() {
        stand(&node, places, host)?;
        host.warn(format!("{node}: its overlay was not mounted, and is again"));
    }
    Ok(())
}

/// Makes again what follows from the directories of overlays, after an action was killed. One that cannot be made again is told of, and
/// stops no other.
pub(crate) fn recovered(places: &Golden, host: &Host<'_>) -> Result<()> {
    let present = present(places)?;
    for node in present.iter() {
        if let Err(error) = stand(&node, places, host) {
            host.warn(format!("{node}: its overlay cannot be mounted: {error}"));
        }
    }
    if present.is_empty() {
        forget_empty(places);
    }
    Ok(())
}

/// Takes a node out of service: its mount with its unit, its mount point, and last what says that it is there. The work area is there.
pub(crate) fn remove(node: &NodeName, places: &Golden, host: &Host<'_>) -> Result<()> {
    if is_mounted(node, places)? {
        // Not on record where a cleaning without this module came in between.
        host.standing_overlay(&of(places, node))?;
        host.release(&places.node(node))?;
    } else if let Err(error) = host.release(&places.node(node))
        && error.kind != ErrorKind::REFUSED
    {
        // Refused is what is not on record: then there is no unit either.
        return Err(error);
    }
    let point = places.node(node);
    if point.symlink_metadata().is_ok() {
        places::put_new(&point, &places.work.join(format!(".{node}")), host)?;
    }
    places::put_new(&places.overlay(node), &places.work.join(node.as_ref()), host)?;
    forget_empty(places);
    Ok(())
}

fn is_mounted(node: &NodeName, places: &Golden) -> Result<bool> {
    mount_table::is_mounted(&places.node(node)).map_err(unreadable)
}

/// The tree of a node that is an overlay; refused while it is not mounted: what is written to its mount point is lost.
pub(crate) fn mounted_tree(image: &Image, node: &NodeName, places: &Golden) -> Result<Utf8PathBuf> {
    if is_mounted(node, places)? {
        return Ok(places.node(node));
    }
    Err(Error::refused(format!("the overlay of node {node} is not mounted"))
        .hint(format!("disklessset nfs nodes add {} {node} mounts it again", image.name())))
}

/// Refuses to change the golden tree while nodes see it: what they have open would be undefined.
pub(crate) fn must_be_unseen(image: &Image, places: &Golden) -> Result<()> {
    let seen_by = present(places)?;
    if seen_by.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the tree of image {} cannot be changed: it is the lower layer of the overlays of {seen_by}",
        image.name()
    ))
    .hint(format!("change a node's with --node, or disklessset nfs nodes remove {} {seen_by}", image.name())))
}
