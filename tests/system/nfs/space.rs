//! Given a file system that has no room for trees: what is known beforehand is refused with numbers, what is not fails cleanly.

use std::collections::BTreeSet;

use disklessset_tests::facts::files_below;
use disklessset_tests::loop_disk::Disk;
use disklessset_tests::need;

use super::Nfs;
use crate::system::full_disk::{OnDisk, Trial};
use crate::system::small::KERNEL;

/// Trees on a small disk; the tree that images are made from has a weight.
fn ground(mebibytes: u64) -> (Nfs, OnDisk) {
    let nfs = Nfs::new();
    let noise = format!("of={}", nfs.tree.join("srv/noise"));
    let _ = nfs.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=6"]).run().expect_done();
    let disk = OnDisk::new(&nfs.root, &nfs.root.path().join("diskless"), Disk::Ext4, mebibytes);
    (nfs, disk)
}

fn with_golden(mebibytes: u64) -> (Nfs, OnDisk) {
    let (nfs, disk) = ground(mebibytes);
    nfs.staging("st");
    nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
    (nfs, disk)
}

fn gone(nfs: &Nfs, image: &str) {
    if nfs.root.status(image).is_some() {
        nfs.done(&["remove", image, "--yes"]);
    }
}

#[test]
fn a_staging_image_from_an_archive() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let (nfs, disk) = ground(96);
    let archive = nfs.root.beside().join("tree.tar");
    let tar = ["-C", nfs.tree.as_str(), "-cf", archive.as_str(), "."];
    let _ = nfs.root.tool("tar", &tar).run().expect_done();
    let source = format!("tar:{archive}");
    let trial = Trial {
        root: &nfs.root,
        disk: &disk,
        command: &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source],
        ready: &|| gone(&nfs, "st"),
        old: &|| assert!(nfs.root.images().is_empty()),
        enough: 20 << 20,
    };
    trial.sweep().at(&["tar failed"]);
}

#[test]
fn a_golden_image_and_a_clone() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let (nfs, disk) = with_golden(96);
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-2]"]);
    let old = || {
        assert_eq!(nfs.nodes("g"), ["c1", "c2"]);
        nfs.done(&["verify"]);
    };
    let commands: [&[&str]; 2] = [&["nfs", "create-golden", "h", "--from", "st"], &["clone", "g", "h"]];
    for (command, enough) in commands.into_iter().zip([12, 36]) {
        let ready = || gone(&nfs, "h");
        let trial =
            Trial { root: &nfs.root, disk: &disk, command, ready: &ready, old: &old, enough: enough << 20 };
        trial.sweep().at_last(&["making image h needs at least"]);
    }
}

#[test]
fn how_many_nodes_have_room_is_told_before_the_first_is_made() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let (nfs, disk) = with_golden(96);
    let filling = disk.fill_but(30 << 20);
    let refused = nfs.run(&["nfs", "nodes", "add", "g", "c[001-100]"]).expect_code(5);
    let _ = refused.expect_said("room for 3 of 100 nodes in ").expect_said("there is room for c[001-003]");
    assert_eq!(nfs.nodes("g").len(), 0);
    nfs.done(&["nfs", "nodes", "add", "g", "c[001-003]"]);
    drop(filling);
    nfs.done(&["nfs", "nodes", "add", "g", "c[001-005]"]);
    nfs.done(&["verify"]);
}

#[test]
fn a_disk_that_fills_up_meanwhile_costs_the_nodes_that_are_not_finished() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let (nfs, disk) = with_golden(400);
    let add = ["nfs", "nodes", "add", "g", "c[1-30]"];
    let (adding, ()) = nfs
        .root
        .disklessset(&add)
        .start()
        .wait_until(|| nfs.golden("g").join(".work/c2").exists().then_some(()));
    let filling = disk.fill_but(0);
    let failed = adding.wait().expect_code(1).expect_said("No space left on device");
    let place = nfs.root.path().join("diskless");
    let _ = failed
        .expect_said(&format!("the file system {place} (ext4)"))
        .expect_said("cannot make the tree of node c");
    let finished = nfs.nodes("g");
    assert!(!finished.is_empty() && finished.len() < 30, "{finished:?}");
    let whole: BTreeSet<_> = files_below(&nfs.golden("g").join("image")).unwrap().into_keys().collect();
    for node in &finished {
        let tree: BTreeSet<_> = files_below(&nfs.node("g", node)).unwrap().into_keys().collect();
        assert_eq!(tree, whole, "{node}");
    }
    assert!(!nfs.golden("g").join(".work").exists(), "something unfinished is left");
    drop(filling);
    nfs.done(&["verify"]);
    nfs.done(&add);
    assert_eq!(nfs.nodes("g").len(), 30);
}

#[test]
fn what_copies_of_a_large_tree_cost_is_told_before_the_first_is_made() {
    disklessset_tests::need!(need::full(), need::root());
    let nfs = Nfs::new();
    let noise = format!("of={}", nfs.tree.join("srv/noise"));
    let _ = nfs.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=600"]).run().expect_done();
    nfs.staging("st");
    nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
    let added = nfs.run(&["nfs", "nodes", "add", "g", "c[1-2]"]).expect_done();
    if added.stderr.contains("the copies for 2 nodes take 1.1G in ") {
        assert!(added.stderr.contains(" s; with --method overlay they take nearly nothing"), "{added}");
        assert_eq!(added.stderr.matches("the copies for").count(), 1, "{added}");
    } else {
        // Where data is shared there is nothing to tell.
        let kind = nfs.root.tool("stat", &["-f", "-c", "%T", nfs.root.path().as_str()]).run().expect_done();
        assert!(["btrfs", "xfs"].contains(&kind.stdout.trim()), "{added}");
    }
    let asked = nfs.run(&["nfs", "nodes", "add", "g", "c3", "--method", "copy"]).expect_done();
    assert!(!asked.stderr.contains("the copies for"), "{asked}");
}
