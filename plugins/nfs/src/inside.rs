//! Running a command or a shell inside a tree.

use crate::{
    identities, overlays,
    places::{Golden, STAGING, Staging},
};
use camino::Utf8PathBuf;
use disklessset_kit::{exit_code, node_set::NodeName, tree_files::TreeFiles, trees};
use disklessset_plugin_api::{Command, Error, ErrorKind, Host, Image, Result};
use serde_json::Value;

/// What a tree is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Something runs in it: what is not mounted is mounted again.
    ToWork,
    /// Nothing is changed.
    ToLook,
}

/// The tree of an image, or of one of its nodes.
pub(crate) fn tree_of(
    image: &Image,
    node: Option<NodeName>,
    wanted: Use,
    host: &Host<'_>,
) -> Result<Utf8PathBuf> {
    let tree = match (image.class() == STAGING, node) {
        (true, None) => Staging::of(image.name(), host)?.tree,
        (true, Some(_)) => {
            return Err(Error::usage(format!("image {} is a staging image: it has no nodes", image.name())));
        }
        (false, None) => {
            let places = Golden::of(image.name(), host)?;
            overlays::must_be_unseen(image, &places)?;
            places.tree
        }
        (false, Some(node)) => {
            let places = Golden::of(image.name(), host)?;
            if wanted == Use::ToWork && overlays::present(&places)?.contains(&node) {
                overlays::mount_again(&[node.clone()].into_iter().collect(), &places, host)?;
            }
            let tree = places.node(&node);
            if !tree.is_dir() {
                return Err(Error::new(
                    ErrorKind::NOT_FOUND,
                    format!("image {} has no node {node}", image.name()),
                )
                .hint(format!("disklessset nfs nodes list {}", image.name())));
            }
            tree
        }
    };
    if tree.is_dir() { Ok(tree) } else { Err(Error::failed(format!("the tree {tree} is not there"))) }
}

/// Runs a command. What it changes is changed in the tree itself.
pub(crate) fn exec(
    image: &Image,
    node: Option<NodeName>,
    words: &[String],
    host: &Host<'_>,
) -> Result<Value> {
    let (program, arguments) = words.split_first().ok_or_else(|| Error::usage("no command was given"))?;
    let of_node = node.is_some();
    let tree = tree_of(image, node, Use::ToWork, host)?;
    let before = identities::of(&tree);
    let command = Command::new(program.as_str())
        .args(arguments.iter().cloned())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .inside(tree.as_str())
        .with_network()
        .show_output();
    let code = host.run(&command)?.code;
    if !of_node {
        identities::forget_new(&tree, &before, host)?;
    }
    trees::flush(&tree)?;
    Ok(exit_code::answer(code))
}

/// Opens a shell, the tree's bash where it has one.
pub(crate) fn shell(image: &Image, node: Option<NodeName>, host: &Host<'_>) -> Result<Value> {
    let of_node = node.is_some();
    let tree = tree_of(image, node, Use::ToWork, host)?;
    let before = identities::of(&tree);
    let bash = TreeFiles::open(&tree)?.exists("bin/bash");
    let every_code: Vec<i32> = (1..=255).collect();
    let shell = Command::new(if bash { "/bin/bash" } else { "/bin/sh" })
        .inside(tree.as_str())
        .with_network()
        .interactive()
        .accept(&every_code);
    host.run(&shell)?;
    if !of_node {
        identities::forget_new(&tree, &before, host)?;
    }
    trees::flush(&tree).map(|()| Value::Null)
}
