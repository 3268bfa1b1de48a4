//! Making an image.

use crate::{
    block, compression,
    existing::{Root, record_places},
    pack::{self, Packing},
    parameters::Creation,
    show, unmount,
};
use disklessset_kit::{
    anonymise,
    initramfs_facts::Support,
    live::needs,
    os_tree::{self, KernelChoice},
    space::{Need, Plan},
    squashfs::Layout,
    tree_files::TreeFiles,
};
use disklessset_plugin_api::{Error, Hold, Host, Image, Kernel, Result};

/// The tree, and its packing: each in the work area, which is gone when the action ends.
pub(crate) fn create(image: &mut Image, wanted: &Creation, host: &Host<'_>) -> Result<()> {
    room_for(image, wanted, host)?;
    let area = host.work_area(image.name(), Hold::Action)?;
    let (tree, scratch, staging) = (area.join("tree"), area.join("scratch"), area.join("packing"));
    let registered = match &wanted.tree.kernel {
        KernelChoice::Version(version) => Some(Kernel::new(version.clone())),
        KernelChoice::FromImage => None,
    };
    compression::check_wanted(image, registered.as_ref(), wanted.compression, &area, host)?;
    block::choose(image, wanted.block_size, host)?;
    os_tree::make_directory(&tree, 0o755)?;
    os_tree::make_directory(&scratch, 0o700)?;
    let made = os_tree::make_to_pack(image.name().as_str(), &wanted.tree, &tree, &scratch, host)?;
    let root = Root::of(image, host)?;
    needs::check_drivers(image, &root.format.drivers, &made.kernel, &tree, host)?;
    let layout = choose_layout(&root, wanted.layout, needs::boots_flat(&made.kernel, &tree, host)?, host)?;

    let of_one_machine = anonymise::identities(&TreeFiles::open(&tree)?)?;
    if !of_one_machine.is_empty() {
        image.set(unmount::OF_ONE_MACHINE, of_one_machine);
    }
    let kernel = &made.kernel.kernel;
    let compression = compression::for_new(image, kernel, &tree, wanted.compression, &area, host)?;
    os_tree::make_directory(&staging, 0o700)?;
    let packing = Packing {
        tree: &tree,
        file: &root.path,
        layout,
        wanted: wanted.size,
        scratch: &staging,
        compression,
        before: None,
    };
    let packed = pack::pack(image, &packing, host);
    // Told before what a packer says that met it.
    made.source_must_be_unchanged(host)?;
    packed?.record(image);
    host.info(format!("what a node can write: {}", show::WRITABLE));
    image.set_kernel(kernel);
    wanted.tree.record(image);
    image.set("livenet_type", wanted.tree.set.to_string());
    image.set("is_mounted", false);
    record_places(image, host)
}

/// Whether there is room, as far as that is known before the tree is there.
fn room_for(image: &Image, wanted: &Creation, host: &Host<'_>) -> Result<()> {
    let work = host.paths()?.work;
    let plan = Plan::of(format!("making image {}", image.name()));
    let (mut plan, tree) = os_tree::plan_space_to_pack(plan, &wanted.tree, &work)?;
    if let Some(tree) = tree {
        plan = plan.about(image.directory(), pack::about(tree.bytes, None));
        if wanted.layout == Some(Layout::Classic) {
            plan = plan.about(&work, Need::bytes(tree.bytes));
        }
    }
    plan.check(host)
}

/// Flat where the initramfs can use it, unless the user decided or the class makes no other.
fn choose_layout(root: &Root, wanted: Option<Layout>, support: Support, host: &Host<'_>) -> Result<Layout> {
    if !root.may_be_classic() && support == Support::No {
        return Err(Error::refused(format!(
            "the initramfs of the kernel has no overlayfs part: it cannot boot {}",
            root.format.file
        ))
        .hint("take a kernel whose initramfs has it: disklessset kernel initramfs VERSION makes one again"));
    }
    Ok(match (wanted, support) {
        (Some(Layout::Classic), _) => Layout::Classic,
        (None, Support::No) => {
            host.info("the initramfs has no overlayfs part: packing the classic layout");
            Layout::Classic
        }
        (Some(Layout::Flat), Support::No) => {
            host.warn("the initramfs has no overlayfs part: it will not boot a flat image");
            Layout::Flat
        }
        (_, Support::Unknown(why)) => {
            let else_what = if root.may_be_classic() { "; --layout classic boots everywhere" } else { "" };
            host.warn(format!(
                "cannot tell whether the initramfs boots flat images ({why}): packing flat{else_what}"
            ));
            Layout::Flat
        }
        (_, Support::Yes) => Layout::Flat,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::squashfs::Squashfs;
    use disklessset_kit::live::root_image::RootImage;
    use disklessset_plugin_api::testing::TestHost;

    fn root(layouts: &[Layout]) -> Root {
        let mut format = Squashfs.format().unwrap();
        format.layouts = layouts.to_vec();
        Root { format, path: "/i/web/squashfs.img".into() }
    }

    #[test]
    fn the_initramfs_decides_the_layout_unless_the_user_does() {
        let test = TestHost::new();
        let host = test.host("LivenetImage");
        let unknown = || Support::Unknown("no list".to_owned());
        let both = root(&[Layout::Flat, Layout::Classic]);
        let chosen = |wanted, support| choose_layout(&both, wanted, support, &host).unwrap();
        assert_eq!(chosen(None, Support::Yes), Layout::Flat);
        assert_eq!(chosen(None, Support::No), Layout::Classic);
        assert_eq!(chosen(Some(Layout::Classic), Support::Yes), Layout::Classic);
        assert!(test.warnings().is_empty());
        assert_eq!(chosen(None, unknown()), Layout::Flat);
        assert_eq!(chosen(Some(Layout::Flat), Support::No), Layout::Flat);
        assert_eq!(test.warnings().len(), 2);
    }

    #[test]
    fn a_class_that_only_makes_flat_images_needs_an_initramfs_for_them() {
        let test = TestHost::new();
        let flat = root(&[Layout::Flat]);
        let chosen = |support| choose_layout(&flat, None, support, &test.host("LivenetImage"));
        assert_eq!(chosen(Support::Yes).unwrap(), Layout::Flat);
        assert!(chosen(Support::No).unwrap_err().to_string().contains("no overlayfs part"));
        assert_eq!(chosen(Support::Unknown("no list".to_owned())).unwrap(), Layout::Flat);
        assert!(!test.warnings()[0].contains("--layout"), "{:?}", test.warnings());
    }
}
