//! Images that 1.x made: listed, nodes added and removed, cloned, removed.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::Nfs;
use crate::system::small::{KERNEL, make_tree, put};

/// A staging and a golden image as 1.x left them.
fn with_images_of_1x() -> Nfs {
    let nfs = Nfs::new();
    let images = "/var/www/html/preboot_execution_environment/diskless/images";
    let nodes = "/diskless/images/nfsimages";
    let staging = format!(
        "image_data:\n    \n    name: old_staging\n    IMAGE_DIRECTORY: {images}/old_staging/\n    password: $6$salt$hash\n    \
         kernel: vmlinuz-{KERNEL}\n    image: initramfs-kernel-{KERNEL}\n    NFS_DIRECTORY: {nodes}/staging/old_staging/\n    \
         image_class: NfsStagingImage\n    creation_date: 2021-03-04"
    );
    let golden = format!(
        "image_data:\n    \n    name: old_golden\n    IMAGE_DIRECTORY: {images}/old_golden/\n    kernel: vmlinuz-{KERNEL}\n    \
         image: initramfs-kernel-{KERNEL}\n    password: $6$salt$hash\n    nodes: c[001-002]\n    \
         NFS_DIRECTORY: {nodes}/golden/old_golden/\n    image_class: NfsGoldenImage\n    creation_date: 2021-03-04"
    );
    let empty = golden.replace("old_golden", "empty").replace("nodes: c[001-002]", "nodes: ");
    for (name, data) in [("old_staging", &staging), ("old_golden", &golden), ("empty", &empty)] {
        put(&nfs.root.image_dir(name).join("image_data.yml"), data.as_bytes(), 0o644);
        put(&nfs.root.image_dir(name).join("boot.ipxe"), b"#!ipxe\necho of 1.x\n", 0o644);
    }
    for tree in ["staging/old_staging", "golden/old_golden/image", "golden/empty/image"] {
        make_tree(&nfs.root, &nfs.root.path().join("diskless/images/nfsimages").join(tree));
    }
    for node in ["c001", "c002"] {
        make_tree(&nfs.root, &nfs.node("old_golden", node));
    }
    nfs
}

#[test]
fn they_are_listed_and_their_nodes_come_and_go() {
    disklessset_tests::need!(need::root());
    let nfs = with_images_of_1x();
    for name in ["old_staging", "old_golden", "empty"] {
        assert_eq!(nfs.root.status(name).as_deref(), Some("CREATED"), "{name}");
    }
    assert_eq!(nfs.nodes("old_golden"), ["c001", "c002"]);
    nfs.done(&["nfs", "nodes", "add", "old_golden", "c[002-004]"]);
    nfs.done(&["nfs", "nodes", "remove", "old_golden", "c001", "--yes"]);
    assert_eq!(nfs.attribute("old_golden", "nodes"), "c[002-004]");
    assert!(nfs.boot_file("old_golden").contains("/golden/old_golden/nodes/${hostname}"));
    // 1.x made no directory of nodes before there was one.
    nfs.done(&["nfs", "nodes", "add", "empty", "n1"]);
    assert_eq!(nfs.nodes("empty"), ["n1"]);
}

#[test]
fn they_are_cloned_used_and_removed_with_their_trees() {
    disklessset_tests::need!(need::root());
    let nfs = with_images_of_1x();
    nfs.done(&["clone", "old_golden", "copy"]);
    nfs.done(&["nfs", "create-golden", "new", "--from", "old_staging"]);
    nfs.done(&["nfs", "exec", "old_staging", "--", "sh", "-c", "echo x >/etc/x"]);
    nfs.done(&["nfs", "export", "old_golden", "--client", "*"]);
    nfs.refused(&["remove", "old_staging", "--yes"], 5, "golden image new is made from it");
    nfs.done(&["remove", "new", "old_golden", "old_staging", "empty", "--yes"]);
    assert_eq!(nfs.nodes("copy"), ["c001", "c002"]);
    assert!(nfs.node("copy", "c001").join("etc/passwd").exists());
    nfs.done(&["remove", "copy", "--yes"]);
    for place in [nfs.staging_tree(""), nfs.golden("")] {
        assert_eq!(place.read_dir_utf8().unwrap().count(), 0, "something is left in {place}");
    }
    assert!(!nfs.root.path().join("etc/exports.d/disklessset.exports").exists());
    Snapshot::assert_nothing_held(&nfs.root);
}
