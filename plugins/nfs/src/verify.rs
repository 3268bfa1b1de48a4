//! What is wrong with an image that only its class can tell.

use crate::{
    nodes, overlays,
    places::{Golden, Staging, is_hidden},
};
use camino::Utf8Path;
use disklessset_kit::{node_set::NodeSet, tree_files::TreeFiles, verification};
use disklessset_plugin_api::{Finding, Host, Image, Result};

/// The part of dracut that mounts a root over NFS.
const PARTS: [&str; 1] = ["nfs"];

/// Checks a staging image.
pub(crate) fn staging(image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
    let tree = Staging::of(image.name(), host)?.tree;
    of_tree(image, &tree, host)
}

/// Checks a golden image, its nodes included.
pub(crate) fn golden(image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
    let (name, places) = (image.name(), Golden::of(image.name(), host)?);
    let mut faults = of_tree(image, &places.tree, host)?;
    if is_hidden(&places.nodes) {
        // Who may not see the nodes' trees cannot say that they are gone.
        return Ok(faults);
    }
    let add = |nodes: &NodeSet| format!("disklessset nfs nodes add {name} {nodes}");
    let unmounted = overlays::unmounted(&places)?;
    if !unmounted.is_empty() {
        let text = format!("the overlays of {unmounted} are not mounted");
        faults.push(Finding::problem(text, add(&unmounted)));
    }
    let present = nodes::present(&places)?;
    let text = image.text("nodes").unwrap_or_default();
    match NodeSet::parse_recorded(&text) {
        Err(cause) => {
            let mend = match present.is_empty() {
                true => format!("put `nodes: ''` into {}", image.directory().join("image_data.yml")),
                false => add(&present),
            };
            faults.push(Finding::problem(format!("its record has the nodes {text:?}: {cause}"), mend));
        }
        Ok(recorded) => {
            let (lost, unknown) = (recorded.difference(&present), present.difference(&recorded));
            if !lost.is_empty() {
                faults.push(Finding::problem(
                    format!(
                        "its record has the nodes {recorded}, and {lost} have no trees: there are {present}"
                    ),
                    add(&lost),
                ));
            }
            if !unknown.is_empty() {
                let text =
                    format!("{unknown} have trees and are not on record, which has the nodes {recorded}");
                faults.push(Finding::problem(text, add(&unknown)));
            }
        }
    }
    Ok(faults)
}

/// Checks a tree, and whether the kernel, its initramfs and the modules in the tree belong together.
fn of_tree(image: &Image, tree: &Utf8Path, host: &Host<'_>) -> Result<Vec<Finding>> {
    if is_hidden(tree) {
        return Ok(vec![Finding::warning(format!(
            "cannot tell whether its tree {tree} is whole: needs root"
        ))]);
    }
    if !tree.is_dir() {
        let mend = "put it back from a copy, or make the image again";
        return Ok(vec![Finding::problem(format!("its tree {tree} is not there"), mend)]);
    }
    let files = TreeFiles::open(tree)?;
    let mut modules = Vec::new();
    for directory in ["usr/lib/modules", "lib/modules"] {
        if files.is_directory(directory) {
            modules.extend(files.list(directory)?);
        }
    }
    modules.sort();
    modules.dedup();
    verification::of_kernel(image, &PARTS, Some(&modules), "the tree", host)
}
