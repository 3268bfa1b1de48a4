//! `NfsGoldenImage`: a tree that is done, and one tree for each of its nodes.

use crate::{
    boot_file, identities,
    nodes::{self, SpaceCheck},
    overlays,
    parameters::{FromStaging, NewNodes, OldNodes},
    places::{self, Golden, Staging},
    show, space_check, verify,
};
use camino::Utf8PathBuf;
use disklessset_kit::{
    directories,
    trees::{self, Wanted},
};
use disklessset_plugin_api::{
    Action, BootContext, DerivedImageClass, Error, Finding, Hold, Host, Image, Kernel, Result,
};
use serde_json::Value;

/// The class of golden images.
pub(crate) struct NfsGoldenImage;

impl DerivedImageClass for NfsGoldenImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::create(
                "Create a golden image from a staging image",
                |_, image, wanted: FromStaging, host| {
                    create(image, &host.image(&wanted.staging)?, wanted.method, host)
                },
            )
            .words("create-golden")
            .help("Create a golden image, whose nodes have a tree each, from a staging image")
            .checked_by(|_, _, wanted: FromStaging, host| check(&wanted, host)),
            Action::read("nodes list", "List the nodes of a golden image", |_, image, (), host| {
                nodes::list(image, host)
            }),
            Action::change("nodes add", "Add nodes to a golden image", |_, image, wanted: NewNodes, host| {
                nodes::add(image, &wanted, host)
            })
            .help("Make a tree for each of these nodes; existing trees are kept"),
            Action::change(
                "nodes remove",
                "Remove nodes from a golden image",
                |_, image, wanted: OldNodes, host| nodes::remove(image, &wanted.nodes, host),
            )
            .help("Delete the trees of these nodes with everything they wrote")
            .confirm("The trees of these nodes are deleted with all that the nodes wrote there. Go on?")
            .safe_to_try(),
        ]
    }

    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        host.remove(&Golden::of(image.name(), host)?.base)
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, host: &Host<'_>) -> Result<String> {
        let nodes = Golden::of(image.name(), host)?.nodes;
        // DHCP tells each node its name.
        boot_file::template(image, "NFS golden", &nodes, "/${hostname}", boot, host)
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        let (from, to) = (Golden::of(source.name(), host)?, Golden::of(image.name(), host)?);
        begin(&to, host)?;
        let choice = trees::choose(&from.tree, &to.work, Wanted::Auto, host)?;
        host.info(format!("making the trees by {} ({})", choice.method, choice.why));
        let present = nodes::present(&from)?;
        let views = overlays::present(&from)?;
        let all = std::iter::once(from.tree.clone()).chain(present.iter().map(|node| from.node(&node)));
        for node in views.iter() {
            overlays::mounted_tree(source, &node, &from)?;
        }
        space_check::several(image.name(), all, &to.work, choice.method, host)?;
        let made = to.work.join("image");
        trees::copy_tree(&from.tree, &made, choice.method, host)?;
        places::put_new(&made, &to.tree, host)?;
        // A clone is all of an image: what nodes wrote, too.
        let trees = present.difference(&views);
        nodes::make_trees(&trees, &to, SpaceCheck::Checked, |node| from.node(node), Wanted::Auto, host)?;
        if !views.is_empty() {
            // Their layers know the tree they belong to.
            host.info(format!("{views}: overlays; the clone has copies of what these nodes see"));
            nodes::make_trees(&views, &to, SpaceCheck::Checked, |node| from.node(node), Wanted::Auto, host)?;
        }
        directories::flush_above(&to.tree)?;
        places::record(image, &to.base, host)?;
        image.set("nodes", present.to_string());
        image.unset("export");
        Ok(())
    }

    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
        let places = Golden::of(image.name(), host)?;
        show::check_kernel(&places.tree, kernel, host)?;
        image.set_kernel(kernel);
        places::record(image, &places.base, host)
    }

    fn show(&self, image: &Image, host: &Host<'_>) -> Result<Value> {
        show::golden(image, host)
    }

    fn recovered(&self, image: &mut Image, action: &str, host: &Host<'_>) -> Result<Option<String>> {
        nodes::recovered(image, action, host)
    }

    fn verify(&self, image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
        verify::golden(image, host)
    }

    fn os_tree(&self, image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
        let places = Golden::of(image.name(), host)?;
        // An initramfs is made inside of the tree.
        overlays::must_be_unseen(image, &places)?;
        Ok(places.tree)
    }
}

/// Refuses a golden image that could not be made.
fn check(wanted: &FromStaging, host: &Host<'_>) -> Result<()> {
    let staging = host.image(&wanted.staging)?;
    let tree = Staging::of(staging.name(), host)?.tree;
    if !tree.is_dir() {
        return Err(Error::failed(format!("image {} has no tree {tree}", staging.name())));
    }
    staging.kernel().map(drop).ok_or_else(|| no_kernel(&staging))
}

fn no_kernel(staging: &Image) -> Error {
    Error::failed(format!("image {} has no kernel", staging.name()))
}

/// The directories of a new golden image. All of it is one entry on the host's record.
fn begin(places: &Golden, host: &Host<'_>) -> Result<()> {
    host.acquire_directory(&places.base, Hold::Image)?;
    host.acquire_directory(&places.work, Hold::Action)?;
    places::make_directory(&places.nodes, 0o755)
}

fn create(image: &mut Image, staging: &Image, wanted: Wanted, host: &Host<'_>) -> Result<()> {
    let (from, to) = (Staging::of(staging.name(), host)?, Golden::of(image.name(), host)?);
    let kernel = staging.kernel().ok_or_else(|| no_kernel(staging))?;
    begin(&to, host)?;
    let choice = trees::choose(&from.tree, &to.work, wanted, host)?;
    host.info(format!("making the tree by {} ({})", choice.method, choice.why));
    space_check::one(image.name(), &from.tree, &to.work, choice.method, host)?;
    let made = to.work.join("image");
    trees::copy_tree(&from.tree, &made, choice.method, host)?;
    identities::forget(&made, host)?;
    places::put_new(&made, &to.tree, host)?;
    directories::flush_above(&to.tree)?;
    for inherited in ["additional_packages", "release_version", "kernel_parameters", "source", "package_set"]
    {
        if let Some(value) = staging.attributes().get(inherited) {
            image.set(inherited, value.clone());
        }
    }
    image.set_kernel(&kernel);
    image.set("staging", staging.name().as_str());
    image.set("nodes", "");
    places::record(image, &to.base, host)
}
