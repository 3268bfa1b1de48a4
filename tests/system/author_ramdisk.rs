//! Given a module of another author whose images boot a kernel and an initrd of their own: they live and die as images do, and nothing is
//! made that no node fetches.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::residue::Snapshot;
use disklessset_tests::{authors, need};

use super::small::{KERNEL, Small, kernels, put};

/// The version of the kernel that the tree brings.
const OWN: &str = "6.1.0-own";

fn place() -> Small {
    authors::build();
    let small = Small::new();
    small.root.drop_in("ramdisk");
    put(&small.tree.join("sbin/init"), b"#!/bin/sh\n", 0o755);
    put(&small.tree.join("boot").join(format!("vmlinuz-{OWN}")), b"a kernel", 0o644);
    put(&small.tree.join("usr/lib/modules").join(OWN).join("modules.dep"), b"", 0o644);
    small
}

#[test]
fn an_image_with_an_initrd_of_its_own_is_made_changed_cloned_and_removed() {
    disklessset_tests::need!(need::root(), need::tool("cpio"));
    let small = place();
    let before = Snapshot::of(&small.root);
    let tree = small.tree.as_str();
    let create = ["ramdisk", "create", "web", "--kernel", KERNEL, "--tree", tree];
    let _ = small.run(&create).expect_done();
    let boot = std::fs::read_to_string(small.root.image_dir("web").join("boot.ipxe")).unwrap();
    assert!(boot.contains("initrd --name system.cpio.gz ${diskless-base}/oci/blobs/sha256/"), "{boot}");
    assert!(!boot.contains("initramfs"), "{boot}");
    let _ = small.run(&["verify", "web", "--record"]).expect_done();
    let _ = small.run(&["verify", "web"]).expect_done();
    let _ = small.run(&["clone", "web", "copy"]).expect_done();
    let _ = small.run(&["verify", "copy"]).expect_done();
    for image in ["web", "copy"] {
        let _ = small.run(&["remove", image, "--yes"]).expect_done();
    }
    before.assert_same_as_now(&small.root);
}

#[test]
fn a_kernel_from_the_image_comes_without_an_initramfs_and_can_be_set() {
    disklessset_tests::need!(need::root(), need::tool("cpio"));
    let small = place();
    let create = ["ramdisk", "create", "web", "--kernel", "from-image", "--tree", small.tree.as_str()];
    // There is no dracut in the tree: nobody asks for it.
    let _ = small.run(&create).expect_done();
    assert!(kernels(&small.root).join(format!("vmlinuz-{OWN}")).is_file());
    assert!(!kernels(&small.root).join(format!("initramfs-kernel-{OWN}")).exists());
    let _ = small.run(&["verify", "web"]).expect_done();
    let _ = small.run(&["kernel", "set", "web", KERNEL]).expect_done();
    let _ = small.run(&["kernel", "set", "web", OWN]).expect_done();
    assert!(!small.record("web").contains("initramfs"), "{}", small.record("web"));
    // An image that boots the pair cannot have it.
    let _ = small.create("pair", &[]).run().expect_done();
    small.refused(&["kernel", "set", "pair", OWN], 3, "has no initramfs");
    // What nodes fetch has to be there.
    std::fs::remove_file(small.root.image_dir("web").join("system.cpio.gz")).unwrap();
    let told = small.run(&["verify", "web"]).expect_code(1);
    assert!(told.stdout.contains("system.cpio.gz is missing"), "{told}");
}

#[test]
fn a_tree_without_init_is_refused_by_the_class_before_anything_is_made() {
    disklessset_tests::need!(need::root(), need::tool("cpio"));
    let small = place();
    let create = ["ramdisk", "create", "web", "--kernel", KERNEL, "--tree", "/proc"];
    let said = "tree: /proc has no sbin/init";
    small.refused(&create, 2, said);
    small.refused(&[&create[..], &["--dry-run"]].concat(), 2, said);
}
