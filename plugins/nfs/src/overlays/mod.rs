//! Nodes whose trees are overlays: the golden tree seen through what the node wrote.
//!
//! `overlays/<node>` holds what the node wrote, and is the truth: it comes whole, by one rename. The mount point in `nodes/`, the
//! mount, the unit and the line of the export follow from it and are made again whenever they are missing.

mod layers;

use crate::{
    nodes::{self, Batches},
    places::{self, Golden},
};
use camino::Utf8PathBuf;
use disklessset_kit::{
    node_set::{NodeName, NodeSet},
    trees,
};
use disklessset_plugin_api::{Error, Host, Image, PersistentOverlay, Result};
use disklessset_system::{FileError, mount_table};
use std::collections::HashSet;

fn of(places: &Golden, node: &NodeName) -> PersistentOverlay {
    let own = places.overlay(node);
    PersistentOverlay {
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
    let mounted = mounted(places)?;
    Ok(present(places)?.iter().filter(|node| !mounted.contains(&places.node(node))).collect())
}

/// What is mounted among the nodes.
fn mounted(places: &Golden) -> Result<HashSet<Utf8PathBuf>> {
    let mounted = mount_table::mounts_below(&places.nodes).map_err(unreadable)?;
    Ok(mounted.into_iter().map(|mount| mount.target).collect())
}

fn unreadable(cause: FileError) -> Error {
    Error::failed("cannot read the mount table").because(cause.source)
}

/// Makes overlays for nodes that have no tree. The work area is there. Killed in the middle, the finished ones stay.
pub(crate) fn add(nodes: &NodeSet, places: &Golden, host: &Host<'_>) -> Result<()> {
    let total = nodes.len() as u64;
    // What nodes wrote is theirs and the server's root's.
    places::make_directory(&places.overlays, 0o700)?;
    let mut done = 0;
    for batch in Batches::of(nodes) {
        host.checkpoint()?;
        host.progress("making the overlays of nodes", done, total);
        done += batch.len() as u64;
        if let Err(error) = add_some(&batch, places, host) {
            let failed = unfinished(&batch, places);
            failed.iter().for_each(|node| take_away(node, places, host));
            forget_empty(places);
            let of = failed.first().or(batch.first()).map(|node| format!(" for node {node}"));
            return Err(error.context(format!("cannot make an overlay{}", of.unwrap_or_default())));
        }
    }
    host.progress("making the overlays of nodes", total, total);
    // The directories of each, the names of all.
    trees::flush(&places.base)
}

/// Makes some: their directories, on disk before they come into their places, then the mounts.
fn add_some(nodes: &[NodeName], places: &Golden, host: &Host<'_>) -> Result<()> {
    for node in nodes {
        layers::make(&places.tree, &places.work.join(node.as_ref()))?;
    }
    trees::flush(&places.work)?;
    for node in nodes {
        places::put_new(&places.work.join(node.as_ref()), &places.overlay(node), host)?;
    }
    ensure_overlays(nodes, places, host)
}

/// Those of a set that failed which do not stand. Where nobody can tell, none: all that have directories are made to stand later.
fn unfinished(nodes: &[NodeName], places: &Golden) -> Vec<NodeName> {
    let Ok(mounted) = mounted(places) else { return Vec::new() };
    nodes.iter().filter(|node| !mounted.contains(&places.node(node))).cloned().collect()
}

/// Makes mount points and mounts, as far as that is not so.
fn ensure_overlays(nodes: &[NodeName], places: &Golden, host: &Host<'_>) -> Result<()> {
    for node in nodes {
        places::make_directory(&places.node(node), 0o755)?;
    }
    host.ensure_overlays(&nodes.iter().map(|node| of(places, node)).collect::<Vec<_>>())
}

/// Moves what there is of a node to where it is unfinished. Best effort: its error is not the one to tell.
fn take_away(node: &NodeName, places: &Golden, host: &Host<'_>) {
    let _ = std::fs::remove_dir(places.node(node));
    let _ = places::put_new(&places.overlay(node), &places.work.join(node.as_ref()), host);
}

/// The directory of overlays is there while there are some.
fn forget_empty(places: &Golden) {
    let _ = std::fs::remove_dir(&places.overlays);
}

/// Mounts those again that are not mounted.
pub(crate) fn mount_again(nodes: &NodeSet, places: &Golden, host: &Host<'_>) -> Result<()> {
    let gone = nodes.intersection(&unmounted(places)?);
    for batch in Batches::of(&gone) {
        host.checkpoint()?;
        ensure_overlays(&batch, places, host)?;
    }
    if !gone.is_empty() {
        host.warn(format!("{gone}: its overlay was not mounted, and is again"));
    }
    Ok(())
}

/// Makes again what follows from the directories of overlays, after an action was killed. One that cannot be made again is told of, and
/// stops no other.
pub(crate) fn recovered(places: &Golden, host: &Host<'_>) -> Result<()> {
    let present = present(places)?;
    for batch in Batches::of(&present) {
        if ensure_overlays(&batch, places, host).is_ok() {
            continue;
        }
        for node in batch {
            if let Err(error) = ensure_overlays(std::slice::from_ref(&node), places, host) {
                host.warn(format!("{node}: its overlay cannot be mounted: {error}"));
            }
        }
    }
    if present.is_empty() {
        forget_empty(places);
    }
    Ok(())
}

/// Takes nodes out of service: their mounts with their units, their mount points, and last what says that they are there. The work area
/// is there.
pub(crate) fn remove(nodes: &[NodeName], places: &Golden, host: &Host<'_>) -> Result<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    host.take_down_overlays(&nodes.iter().map(|node| of(places, node)).collect::<Vec<_>>())?;
    let retired = places.retired();
    places::make_directory(&retired, 0o700)?;
    for node in nodes {
        let point = places.node(node);
        if point.symlink_metadata().is_ok() {
            places::put_new(&point, &retired.join(format!(".{node}")), host)?;
        }
        places::put_new(&places.overlay(node), &retired.join(node.as_ref()), host)?;
    }
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
