//! Given trees and records that disagree: told, with what mends it, and mended by that.

use disklessset_tests::need;

use super::super::image_signing::sign;
use super::super::small::{KERNEL, kernels, put, register_kernel};
use super::super::{
    cpio::cpio,
    verify::{finding, good, mend, verified},
};
use super::Nfs;

#[track_caller]
fn told_and_mended(nfs: &Nfs, name: &str, words: &[&str]) {
    let command = finding(&nfs.root, name, words);
    mend(&nfs.root, &command);
    good(&nfs.root);
}

#[test]
fn nodes_without_trees_and_trees_without_record_are_told_and_mended() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-3]"]);
    nfs.done(&["verify", "--record"]);
    good(&nfs.root);
    std::fs::remove_dir_all(nfs.node("g", "c1")).unwrap();
    told_and_mended(&nfs, "g", &["c1 have no trees"]);
    let record = nfs.root.image_dir("g").join("image_data.yml");
    let text = std::fs::read_to_string(&record).unwrap();
    put(&record, text.replace("c[1-3]", "c1").as_bytes(), 0o644);
    let kept = nfs.node("g", "c2").join("kept");
    put(&kept, b"", 0o644);
    told_and_mended(&nfs, "g", &["c[2-3] have trees and are not on record"]);
    assert!(kept.exists(), "a tree that was there was made anew");
    put(&record, text.replace("c[1-3]", "c[1-").as_bytes(), 0o644);
    told_and_mended(&nfs, "g", &["its record has the nodes"]);
    assert_eq!(nfs.attribute("g", "nodes"), "c[1-3]");
}

#[test]
fn kernels_that_do_not_belong_to_the_tree_are_told_and_mended() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    register_kernel(&nfs.root, "6.1.0-other");
    nfs.done(&["verify", "--record"]);
    good(&nfs.root);
    for name in ["st", "g"] {
        nfs.done(&["kernel", "set", name, "6.1.0-other"]);
        told_and_mended(&nfs, name, &["the tree has modules of kernel 6.1.0-small, not of 6.1.0-other"]);
    }
    let initramfs = kernels(&nfs.root).join(format!("initramfs-kernel-{KERNEL}"));
    put(&initramfs, &cpio(&[("usr/lib/dracut/modules.txt", b"base\nlivenet\n")]), 0o644);
    let how = finding(&nfs.root, "st", &["has no dracut module nfs"]);
    assert_eq!(how, format!("disklessset kernel initramfs {KERNEL}"));
    std::fs::remove_dir_all(nfs.staging_tree("st")).unwrap();
    let _ = finding(&nfs.root, "st", &["its tree", "is not there"]);
}

#[test]
fn the_manifest_of_an_image_on_nfs_has_its_boot_file() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    let text = std::fs::read_to_string(nfs.root.image_dir("g").join("SHA256SUMS")).unwrap();
    assert!(text.ends_with("  boot.ipxe\n") && text.lines().count() == 1, "{text}");
    let lines = verified(&nfs.root, &["g"]);
    assert!(lines[0].problem.is_none() && lines[0].warning.is_none(), "{lines:?}");
}

#[test]
fn what_a_user_interrupts_is_settled_and_signed() {
    disklessset_tests::need!(need::root(), need::tool("openssl"));
    let nfs = Nfs::with_golden();
    sign(&nfs.root);
    nfs.done(&["verify", "--record"]);
    let adding = nfs.root.disklessset(&["nfs", "nodes", "add", "g", "c[1-2000]"]);
    let adding = adding.limit(std::time::Duration::from_secs(120)).start();
    let (adding, ()) = adding.wait_until(|| nfs.node("g", "c3").exists().then_some(()));
    adding.signal(nix::sys::signal::Signal::SIGINT);
    let ended = adding.wait().expect_code(130);
    assert!(!ended.stderr.contains("could not finish what was left"), "{ended}");
    good(&nfs.root);
    assert!(nfs.nodes("g").len() >= 3);
}
