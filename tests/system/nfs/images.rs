//! Staging and golden images from their making to their end.

use disklessset_tests::facts::files_below;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::Nfs;
use crate::system::cpio::cpio;
use crate::system::small::{kernels, put, register_kernel};

#[test]
fn a_staging_image_is_a_tree_and_a_boot_file_that_names_it_without_the_root() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::new();
    let before = Snapshot::of(&nfs.root);
    nfs.staging("st");
    assert!(nfs.staging_tree("st").join("usr/bin/sh").is_file());
    let boot = nfs.boot_file("st");
    assert!(
        boot.contains("root=nfs:${next-server}:/diskless/images/nfsimages/staging/st,vers=4.2,rw "),
        "{boot}"
    );
    assert!(boot.contains("selinux=0") && boot.contains("initrd --name initramfs-kernel-"), "{boot}");
    assert_eq!(nfs.attribute("st", "package_set"), "STANDARD");
    nfs.done(&["remove", "st", "--yes"]);
    before.assert_same_as_now(&nfs.root);
}

#[test]
fn a_staging_image_that_a_golden_one_came_from_is_not_removed() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    assert_eq!(nfs.attribute("g", "staging"), "st");
    nfs.refused(&["remove", "st", "--yes"], 5, "golden image g is made from it");
    nfs.done(&["clone", "g", "h"]);
    nfs.refused(&["remove", "st", "--yes"], 5, "golden images g, h are made from it");
    nfs.done(&["remove", "g", "h", "--yes"]);
    nfs.done(&["remove", "st", "--yes"]);
    assert_eq!(nfs.root.images().len(), 0);
    for place in [nfs.staging_tree(""), nfs.golden("")] {
        assert_eq!(place.read_dir_utf8().unwrap().count(), 0, "something is left in {place}");
    }
}

#[test]
fn a_golden_image_boots_each_node_from_a_tree_with_its_name() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    let boot = nfs.boot_file("g");
    let root = "root=nfs:${next-server}:/diskless/images/nfsimages/golden/g/nodes/${hostname},vers=4.2,rw ";
    assert!(boot.contains(root) && boot.contains(" nfs.nfs4_unique_id=${hostname} "), "{boot}");
    let (golden, staging) =
        (files_below(&nfs.golden("g").join("image")), files_below(&nfs.staging_tree("st")));
    assert_eq!(kinds(golden.unwrap()), kinds(staging.unwrap()));
}

fn kinds<F: std::fmt::Debug>(
    files: std::collections::BTreeMap<std::path::PathBuf, F>,
) -> Vec<std::path::PathBuf> {
    files.into_keys().collect()
}

#[test]
fn a_clone_is_independent_of_what_it_was_made_from() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-2]"]);
    std::fs::copy("/proc/self/cmdline", nfs.node("g", "c1").join("etc/written-by-c1")).unwrap();
    nfs.done(&["clone", "g", "h"]);
    assert_eq!(nfs.nodes("h"), ["c1", "c2"]);
    assert!(nfs.node("h", "c1").join("etc/written-by-c1").exists(), "what nodes wrote is cloned, too");
    assert!(!nfs.node("h", "c2").join("etc/written-by-c1").exists());
    assert!(nfs.boot_file("h").contains("/golden/h/nodes/"));
    nfs.done(&["clone", "st", "st2"]);
    nfs.done(&["remove", "g", "--yes"]);
    nfs.done(&["nfs", "exec", "h", "--node", "c1", "--", "sh", "-c", "echo more >/etc/more"]);
    assert!(nfs.node("h", "c1").join("etc/more").exists());
    assert!(nfs.staging_tree("st2").join("etc/passwd").exists());
    assert!(nfs.boot_file("st2").contains("/staging/st2,"));
}

#[test]
fn a_command_runs_in_the_image_or_in_one_node_s_tree() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c1,c2"]);
    nfs.done(&["nfs", "exec", "st", "--", "sh", "-c", "echo s >/etc/in-staging"]);
    nfs.done(&["nfs", "exec", "g", "--", "sh", "-c", "echo g >/etc/in-golden"]);
    nfs.done(&["nfs", "exec", "g", "--node", "c1", "--", "sh", "-c", "echo n >/etc/in-node"]);
    assert!(nfs.staging_tree("st").join("etc/in-staging").exists());
    let image = nfs.golden("g").join("image");
    assert!(image.join("etc/in-golden").exists() && !image.join("etc/in-node").exists());
    assert!(nfs.node("g", "c1").join("etc/in-node").exists());
    assert!(!nfs.node("g", "c2").join("etc/in-node").exists());
    let _ = nfs.run(&["nfs", "exec", "g", "--", "sh", "-c", "exit 7"]).expect_code(7);
    // The command's exit codes are its own: 125 is the program's.
    nfs.refused(&["nfs", "exec", "g", "--node", "c9", "--", "sh"], 125, "image g has no node c9");
    nfs.refused(&["nfs", "exec", "st", "--node", "c1", "--", "sh"], 125, "staging image: it has no nodes");
    nfs.refused(&["nfs", "exec", "g", "--node", "../image", "--", "sh"], 125, "../image");
    Snapshot::assert_nothing_held(&nfs.root);
}

#[test]
fn an_image_that_another_is_made_from_is_locked_meanwhile() {
    disklessset_tests::need!(need::full(), need::root());
    let nfs = Nfs::with_golden();
    let busy = nfs.root.disklessset(&["nfs", "exec", "st", "--", "sleep", "30"]).start();
    let (_busy, ()) = busy.wait_until(|| nfs.root.tool_at_work("sleep").map(|_| ()));
    let refused = nfs.run(&["nfs", "create-golden", "h", "--from", "st"]).expect_code(4);
    let _ = refused.expect_said("image st is busy").expect_said("exec");
    let images = nfs.root.images();
    let st = images.iter().find(|image| image["name"] == "st").unwrap();
    assert_eq!((&st["activity"]["action"], &st["activity"]["state"]), (&"exec".into(), &"under_way".into()));
    assert!(st["activity"]["pid"].as_u64().is_some(), "{st}");
    assert_eq!(nfs.root.status("h"), None);
    assert!(!nfs.golden("h").exists());
}

#[test]
fn a_kernel_without_nfs_in_its_initramfs_or_modules_in_the_tree_is_said() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    register_kernel(&nfs.root, "6.9.0-other");
    let without = cpio(&[("usr/lib/dracut/modules.txt", b"base\nlivenet\n")]);
    put(&kernels(&nfs.root).join("initramfs-kernel-6.9.0-other"), &without, 0o644);
    let set = nfs.run(&["kernel", "set", "g", "6.9.0-other"]).expect_done();
    let set = set.expect_said("has no nfs part").expect_said("kernel initramfs 6.9.0-other");
    let _ = set.expect_said("the tree has no modules of kernel 6.9.0-other");
    assert!(nfs.boot_file("g").contains("vmlinuz-6.9.0-other"));
    assert!(kernels(&nfs.root).join("vmlinuz-6.9.0-other").exists());
}

#[test]
fn what_a_creation_cannot_do_leaves_nothing() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::new();
    nfs.staging("st");
    // On the test's file system, whatever it is, one of the two is impossible: a plain directory is no subvolume.
    nfs.refused(&["nfs", "create-golden", "g", "--from", "st", "--method", "overlay"], 2, "overlay");
    nfs.refused(&["nfs", "create-golden", "g", "--from", "nobody"], 3, "there is no image nobody");
    let source = "tree:/nowhere";
    nfs.refused(
        &["nfs", "create-staging", "x", "--kernel", "6.1.0-small", "--source", source],
        2,
        "cannot take the tree /nowhere",
    );
    let script = nfs.root.beside().join("script");
    crate::system::small::put(&script, b"#!/bin/sh\necho last words >&2\nexit 3\n", 0o755);
    let source = format!("tree:{}", nfs.tree);
    nfs.refused(
        &[
            "nfs",
            "create-staging",
            "x",
            "--kernel",
            "6.1.0-small",
            "--source",
            &source,
            "--run",
            script.as_str(),
        ],
        1,
        "last words",
    );
}
