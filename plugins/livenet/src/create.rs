//! Making an image.

use crate::{existing::root_image, pack, parameters::Creation, show};
use camino::Utf8Path;
use disklessset_kit::{
    initramfs_facts::{FlatSupport, flat_support},
    os_tree::{self, Initramfs, TreesKernel},
    space::{Need, Plan},
    squashfs::Layout,
    tree_files::TreeFiles,
};
use disklessset_plugin_api::{Hold, Host, Image, Result};

/// The tree, and its packing: each in the work area, which is gone when the action ends.
pub(crate) fn create(image: &mut Image, wanted: &Creation, host: &Host<'_>) -> Result<()> {
    room_for(image, wanted, host)?;
    let area = host.work_area(image.name(), Hold::Action)?;
    let (tree, scratch, staging) = (area.join("tree"), area.join("scratch"), area.join("packing"));
    os_tree::make_directory(&tree, 0o755)?;
    os_tree::make_directory(&scratch, 0o700)?;
    let settled = os_tree::make(image.name().as_str(), &wanted.tree, &tree, &scratch, host)?;
    let layout = choose_layout(wanted.layout, support(&settled, &tree, host)?, host);

    os_tree::make_directory(&staging, 0o700)?;
    let packed = pack::pack(&tree, &root_image(image), layout, wanted.size, &staging, None, host)?;
    packed.record(image);
    host.info(format!("what a node can write: {}", show::WRITABLE));
    image.set_kernel(&settled.kernel);
    wanted.tree.record(image);
    image.set("livenet_type", wanted.tree.set.to_string());
    image.set("is_mounted", false);
    Ok(())
}

/// Whether there is room, as far as that is known before the tree is there.
fn room_for(image: &Image, wanted: &Creation, host: &Host<'_>) -> Result<()> {
    let work = host.paths()?.work;
    let plan = Plan::of(format!("making image {}", image.name()));
    let (mut plan, tree) = os_tree::plan_room(plan, &wanted.tree, &work)?;
    if let Some(tree) = tree {
        plan = plan.about(image.directory(), pack::about(tree.bytes, None));
        if wanted.layout == Some(Layout::Classic) {
            plan = plan.about(&work, Need::bytes(tree.bytes));
        }
    }
    plan.check(host)
}

/// Whether the initramfs boots flat images.
fn support(settled: &TreesKernel, tree: &Utf8Path, host: &Host<'_>) -> Result<FlatSupport> {
    Ok(match settled.initramfs {
        Initramfs::Registered => flat_support(&host.paths()?.kernels.join(settled.kernel.initramfs())),
        Initramfs::OfTheTree => {
            // The dracut that made it tells.
            let parts = TreeFiles::open(tree)?.list("usr/lib/dracut/modules.d")?;
            if parts.iter().any(|part| part.ends_with("overlayfs")) {
                FlatSupport::Yes
            } else {
                FlatSupport::No
            }
        }
    })
}

/// Flat where the initramfs can use it, unless the user decided.
fn choose_layout(wanted: Option<Layout>, support: FlatSupport, host: &Host<'_>) -> Layout {
    match (wanted, support) {
        (Some(Layout::Classic), _) => Layout::Classic,
        (None, FlatSupport::No) => {
            host.info("the initramfs has no overlayfs part: packing the classic layout");
            Layout::Classic
        }
        (Some(Layout::Flat), FlatSupport::No) => {
            host.warn("the initramfs has no overlayfs part: it will not boot a flat image");
            Layout::Flat
        }
        (_, FlatSupport::Unknown(why)) => {
            host.warn(format!("cannot tell whether the initramfs boots flat images ({why}): packing flat; --layout classic boots everywhere"));
            Layout::Flat
        }
        (_, FlatSupport::Yes) => Layout::Flat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::testing::TestHost;

    #[test]
    fn the_initramfs_decides_the_layout_unless_the_user_does() {
        let test = TestHost::new();
        let host = test.host("LivenetImage");
        let unknown = || FlatSupport::Unknown("no list".to_owned());
        assert_eq!(choose_layout(None, FlatSupport::Yes, &host), Layout::Flat);
        assert_eq!(choose_layout(None, FlatSupport::No, &host), Layout::Classic);
        assert_eq!(choose_layout(Some(Layout::Classic), FlatSupport::Yes, &host), Layout::Classic);
        assert!(test.warnings().is_empty());
        assert_eq!(choose_layout(None, unknown(), &host), Layout::Flat);
        assert_eq!(choose_layout(Some(Layout::Flat), FlatSupport::No, &host), Layout::Flat);
        assert_eq!(test.warnings().len(), 2);
    }
}
