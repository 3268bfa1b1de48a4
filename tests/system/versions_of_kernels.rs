//! Given a kernel whose files are made anew: the images that boot it get their next version, and nothing is behind unseen.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::run::Outcome;
use serde_json::Value;

use super::small::{Small, kernels, put, register_kernel};

const OTHER: &str = "6.1.0-other";

/// The image as `list` shows it.
#[track_caller]
fn listed(small: &Small, name: &str) -> Value {
    let list = small.run(&["--format", "json", "list"]).expect_done().json();
    list["images"].as_array().unwrap().iter().find(|image| image["name"] == name).cloned().unwrap()
}

/// Whether `list` says that nodes get older files of its kernel.
#[track_caller]
fn is_behind(small: &Small, name: &str) -> bool {
    let marked = listed(small, name)["older_kernel_files"].as_bool().unwrap_or(false);
    let table = small.run(&["list"]).expect_done().stdout;
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap().to_owned();
    assert_eq!(line.contains("older kernel files"), marked, "{table}");
    marked
}

#[track_caller]
fn number(small: &Small, name: &str) -> u64 {
    let versions = small.run(&["--format", "json", "versions", name]).expect_done().json();
    let versions = versions["versions"].as_array().unwrap().clone();
    versions.iter().find(|version| version["state"] == "current").unwrap()["number"].as_u64().unwrap()
}

/// A kernel with the indexes of modules, so that dracut makes an initramfs in seconds, and two images that boot it beside one that does not.
fn two_of_three() -> Small {
    let small = Small::new();
    register_kernel(&small.root, OTHER);
    let modules = small.root.beside().join("modules").join(OTHER);
    for index in ["dep", "order", "builtin", "alias", "symbols", "softdep", "devname"] {
        put(&modules.join(format!("modules.{index}")), b"", 0o644);
    }
    let file = kernels(&small.root).join(format!("vmlinuz-{OTHER}"));
    let copy = small.root.beside().join(format!("vmlinuz-{OTHER}"));
    std::fs::rename(&file, &copy).unwrap();
    let add = ["kernel", "add", "--vmlinuz", copy.as_str(), "--modules", modules.as_str()];
    let _ = small.run(&add).expect_done();
    for name in ["db", "web", "else"] {
        let _ = small.create(name, &[]).run().expect_done();
    }
    for name in ["db", "web"] {
        let _ = small.run(&["kernel", "set", name, OTHER]).expect_done();
        assert!(!is_behind(&small, name));
    }
    small
}

#[track_caller]
fn made_anew(small: &Small, version: &str, more: &[&str]) -> Outcome {
    let words = [&["kernel", "initramfs", version], more].concat();
    small.root.disklessset(&words).limit(Duration::from_secs(240)).run()
}

#[test]
fn an_initramfs_that_is_made_anew_is_a_version_of_each_image_that_boots_it_and_of_no_other() {
    disklessset_tests::need!(need::root(), need::tool("dracut"));
    let small = two_of_three();
    let before = ["db", "web", "else"].map(|name| number(&small, name));
    let planned = small.run(&["--dry-run", "kernel", "initramfs", OTHER]).expect_done();
    let line = "would make the next version of images that boot it: db, web";
    assert!(planned.stdout.lines().any(|one| one == line), "{}", planned.stdout);
    let told = made_anew(&small, OTHER, &[]).expect_done().expect_said("image db has its next version");
    let _ = told.expect_said("image web has its next version");
    assert_eq!(number(&small, "db"), before[0] + 1);
    assert_eq!(number(&small, "web"), before[1] + 1);
    assert_eq!(number(&small, "else"), before[2], "it boots another kernel");
    let made = std::fs::read(kernels(&small.root).join(format!("initramfs-kernel-{OTHER}"))).unwrap();
    assert!(initramfs_of_nodes(&small, "web") == made);
    assert!(!is_behind(&small, "web") && !is_behind(&small, "db"));

    // Only the kernel: nodes go on with what they have, and it can be seen.
    let told = made_anew(&small, OTHER, &["--only"]).expect_done();
    let _ = told.expect_said("nodes of db, web go on with the older files");
    assert!(initramfs_of_nodes(&small, "web") == made);
    assert!(is_behind(&small, "web") && is_behind(&small, "db") && !is_behind(&small, "else"));
    // The command that it names.
    let _ = small.run(&["kernel", "set", "db", OTHER]).expect_done();
    assert!(!is_behind(&small, "db") && is_behind(&small, "web"));
}

#[test]
fn an_image_that_is_busy_keeps_no_other_from_a_new_initramfs_and_follows_later() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("dracut"));
    let small = two_of_three();
    let edit = ": > /begun; until [ -e /go ]; do :; done";
    let edit = small.root.disklessset(&["livenet", "exec", "db", "--", "/bin/sh", "-c", edit]);
    let mnt = small.mnt("db");
    let (busy, ()) = edit.start().wait_until(|| mnt.join("begun").exists().then_some(()));
    let failed = made_anew(&small, OTHER, &[]).expect_code(4);
    let failed = failed.expect_said("nodes of db go on with the older files");
    let _ = failed.expect_said(&format!("disklessset kernel set db {OTHER}"));
    assert!(!is_behind(&small, "web"));
    put(&mnt.join("go"), b"", 0o644);
    let _ = busy.wait().expect_done();
    let _ = small.run(&["kernel", "set", "db", OTHER]).expect_done();
    assert!(!is_behind(&small, "db"));

    // One that waits for its release: nodes still get the older one.
    let held = small.root.disklessset(&["--hold", "kernel", "initramfs", OTHER]);
    let _ = held.limit(Duration::from_secs(240)).run().expect_done();
    assert!(is_behind(&small, "web"));
    let _ = small.run(&["release", "web"]).expect_done();
    assert!(!is_behind(&small, "web") && is_behind(&small, "db"));
}

/// The initramfs that nodes get of an image.
#[track_caller]
fn initramfs_of_nodes(small: &Small, name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(small.root.image_dir(name).join("boot.ipxe")).unwrap();
    let line = text.lines().find(|line| line.starts_with("initrd ")).unwrap();
    let address = line.split_whitespace().find(|word| word.contains("/blobs/sha256/")).unwrap();
    std::fs::read(small.root.oci_dir().join("blobs/sha256").join(address.rsplit('/').next().unwrap()))
        .unwrap()
}

#[test]
fn a_release_of_a_version_whose_kernel_line_is_too_long_for_a_pool_is_refused() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let longer = "6.1.0-small-with-a-longer-name";
    register_kernel(&small.root, longer);
    let _ = small.create("web", &[]).run().expect_done();
    let _ = small.run(&["kernel", "set", "web", longer]).expect_done();
    let _ = small.run(&["rollback", "web", "1"]).expect_done();
    let _ = small.run(&["pool", "set", "compute", "--image", "web", "--nodes", "c1"]).expect_done();
    let words = |length: usize| format!("x={}", "y".repeat(length - 2));
    let _ = small.run(&["node", "set", "c1", "--kernel-parameters", &words(1000)]).expect_done();
    // As many as there is room for with this kernel.
    let told = small.run(&["pool", "set", "compute", "--kernel-parameters", &words(1000)]).expect_code(5);
    let bytes = told.stderr.split_once("would have ").unwrap().1.split(' ').next().unwrap();
    let fitting = words(1000 + 2048 - bytes.parse::<usize>().unwrap());
    let _ = small.run(&["pool", "set", "compute", "--kernel-parameters", &fitting]).expect_done();
    for words in [&["release", "web@2"][..], &["rollback", "web", "2"], &["--dry-run", "release", "web"]] {
        let told = small.run(words).expect_code(5).expect_said("at most 2048 are allowed");
        assert!(told.stderr.contains("pool compute"), "{told}");
        assert_eq!(number(&small, "web"), 1);
    }
    let _ = small.run(&["pool", "set", "compute", "--kernel-parameters", "quiet"]).expect_done();
    let _ = small.run(&["release", "web@2"]).expect_done();
    assert_eq!(number(&small, "web"), 2);
}
