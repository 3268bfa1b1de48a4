//! What is said of an image beside its attributes, and checks of what it is given.

use crate::{
    exporting, identities, nodes, overlays,
    places::{Golden, Staging, is_hidden, published},
};
use camino::Utf8Path;
use disklessset_kit::{initramfs_facts::dracut_modules, node_set::NodeSet, tree_files::TreeFiles};
use disklessset_plugin_api::{Host, Image, Kernel, Result};
use serde_json::{Value, json};

/// What another user of the server can tell of a tree.
const HIDDEN: &str = "cannot tell: needs root";

/// Facts about a staging image.
pub(crate) fn staging(image: &Image, host: &Host<'_>) -> Result<Value> {
    let tree = Staging::of(image.name(), host)?.tree;
    let mut facts = json!({
        "tree": published(&tree, &host.paths()?),
        "exported": exporting::lines(image, host)?,
        "of_one_machine": identities::of(&tree),
    });
    if is_hidden(&tree) {
        facts["tree_state"] = HIDDEN.into();
    } else if !tree.is_dir() {
        facts["problem"] = format!("its tree {tree} is not there").into();
    }
    Ok(facts)
}

/// Facts about a golden image.
pub(crate) fn golden(image: &Image, host: &Host<'_>) -> Result<Value> {
    let places = Golden::of(image.name(), host)?;
    if is_hidden(&places.nodes) {
        return Ok(json!({
            "tree": published(&places.tree, &host.paths()?),
            "node_trees": published(&places.nodes, &host.paths()?),
            "exported": exporting::lines(image, host)?,
            "tree_state": HIDDEN,
        }));
    }
    let nodes = nodes::present(&places)?;
    let unmounted = overlays::unmounted(&places)?;
    let mut facts = json!({
        "tree": published(&places.tree, &host.paths()?),
        "node_trees": published(&places.nodes, &host.paths()?),
        "node_count": nodes.len(),
        "nodes_there": nodes.to_string(),
        "overlay_nodes": overlays::present(&places)?.to_string(),
        "exported": exporting::lines(image, host)?,
        "of_one_machine": identities::of(&places.tree),
    });
    if !places.tree.is_dir() {
        facts["problem"] = format!("its tree {} is not there", places.tree).into();
    } else if !unmounted.is_empty() {
        let again = format!("disklessset nfs nodes add {} {unmounted}", image.name());
        facts["problem"] = format!("the overlays of {unmounted} are not mounted; {again}").into();
    } else if NodeSet::parse_recorded(&image.text("nodes").unwrap_or_default()).ok().as_ref() != Some(&nodes)
    {
        facts["problem"] = format!(
            "its record has the nodes {:?}, its directory {:?}; nodes add or remove sets it right",
            image.text("nodes").unwrap_or_default(),
            nodes.to_string()
        )
        .into();
    }
    Ok(facts)
}

/// Tells when a kernel will not come far: without NFS in its initramfs, or without its modules in the tree.
pub(crate) fn check_kernel(tree: &Utf8Path, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
    let initramfs = host.paths()?.kernels.join(kernel.initramfs());
    // What cannot be read may be right all the same.
    if let Ok(Some(parts)) = dracut_modules(&initramfs)
        && !parts.iter().any(|part| part == "nfs")
    {
        host.warn(format!(
            "the initramfs of kernel {0} has no nfs part and cannot mount a root: disklessset kernel initramfs {0}",
            kernel.version
        ));
    }
    let files = TreeFiles::open(tree)?;
    let modules = [format!("usr/lib/modules/{}", kernel.version), format!("lib/modules/{}", kernel.version)];
    if !modules.iter().any(|directory| files.is_directory(directory)) {
        host.warn(format!(
            "the tree has no modules of kernel {}: nodes will only have the drivers of its initramfs",
            kernel.version
        ));
    }
    Ok(())
}
