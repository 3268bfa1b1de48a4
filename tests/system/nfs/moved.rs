//! Roots that lie elsewhere than when they were written to, and images that nobody shares an identity through.
#![allow(clippy::disallowed_methods, reason = "tests put files where the program finds them")]

use super::{KERNEL, Nfs};
use disklessset_tests::need;

/// The program on this root, however it is reached.
#[track_caller]
fn at(nfs: &Nfs, root: &camino::Utf8Path, args: &[&str]) {
    let (program, modules) = (disklessset_tests::run::disklessset(), nfs.root.modules_dir());
    let places = ["--root", root.as_str(), "--modules-dir", modules.as_str()];
    let _ = nfs.root.tool(program.as_str(), &[&places[..], args].concat()).run().expect_done();
}

#[test]
fn case_35_a_root_reached_by_a_link_is_the_same_root() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::new();
    let link = nfs.root.beside().join("link");
    std::os::unix::fs::symlink(nfs.root.path(), &link).unwrap();
    let source = format!("tree:{}", nfs.tree);
    let create = ["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source];
    at(&nfs, &link, &create);
    at(&nfs, &link, &["nfs", "create-golden", "g", "--from", "st"]);
    at(&nfs, &link, &["nfs", "nodes", "add", "g", "c[1-2]"]);
    nfs.done(&["remove", "g", "st", "--yes"]);
    assert!(!nfs.staging_tree("st").exists() && !nfs.golden("g").exists());
    nfs.done(&create);
}

#[test]
fn case_35_records_follow_a_root_that_was_moved_those_of_older_versions_too() {
    disklessset_tests::need!(need::root());
    for older in [false, true] {
        let nfs = Nfs::with_golden();
        nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
        let journal = nfs.root.path().join("var/lib/diskless/journal/g.jsonl");
        let text = std::fs::read_to_string(&journal).unwrap();
        let word = format!(",\"root\":\"{}\"", nfs.root.path());
        assert!(text.contains(&word), "{text}");
        if older {
            std::fs::write(&journal, text.replace(&word, "")).unwrap();
        }
        let moved = nfs.root.beside().join("moved");
        std::fs::rename(nfs.root.path(), &moved).unwrap();
        at(&nfs, &moved, &["verify"]);
        at(&nfs, &moved, &["remove", "g", "--yes"]);
        assert!(!moved.join("diskless/images/nfsimages/golden/g").exists());
        at(&nfs, &moved, &["nfs", "create-golden", "g", "--from", "st"]);
        std::fs::rename(&moved, nfs.root.path()).unwrap();
        nfs.done(&["remove", "g", "st", "--yes"]);
    }
}

#[test]
fn case_35_a_root_that_is_bound_elsewhere_is_worked_with_or_left_as_it_is() {
    disklessset_tests::need!(need::root(), need::tool("unshare"));
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    let bound = nfs.root.beside().join("bound");
    std::fs::create_dir(&bound).unwrap();
    let (program, modules) = (disklessset_tests::run::disklessset(), nfs.root.modules_dir());
    let bind = format!("mount --bind '{}' '{bound}' && exec \"$0\" \"$@\"", nfs.root.path());
    let there = |args: &[&str]| {
        let places = ["--root", bound.as_str(), "--modules-dir", modules.as_str()];
        let program = nfs.root.tool(program.as_str(), &[&places[..], args].concat());
        let _ = program.behind("unshare", &["--mount", "sh", "-c", &bind]).run().expect_done();
    };
    there(&["verify"]);
    there(&["nfs", "nodes", "add", "g", "c2"]);
    assert_eq!(nfs.nodes("g"), ["c1", "c2"]);
    there(&["remove", "g", "--yes"]);
    assert!(!nfs.golden("g").exists());
    nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
    nfs.done(&["remove", "g", "st", "--yes"]);
}

#[test]
fn a_golden_image_has_nothing_of_the_tuning_node() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::new();
    nfs.staging("st");
    let own = [
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("etc/hostname", "tuning01\n"),
        ("etc/ssh/ssh_host_ed25519_key", "key"),
        ("etc/nvme/hostid", "id"),
        ("var/lib/dhcp/dhclient.leases", "lease"),
    ];
    for (file, text) in own {
        let path = nfs.staging_tree("st").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let shown = nfs.run(&["show", "st"]).expect_done();
    assert!(shown.stdout.contains("the NVMe host id"), "{}", shown.stdout);
    let _ =
        nfs.run(&["nfs", "create-golden", "g", "--from", "st"]).expect_done().expect_said("the machine id");
    let _ = nfs.run(&["clone", "st", "copy"]).expect_done().expect_said("SSH host keys");
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    for tree in [nfs.golden("g").join("image"), nfs.node("g", "c1"), nfs.staging_tree("copy")] {
        for (file, _) in own {
            let left = std::fs::read(tree.join(file)).unwrap_or_default();
            assert!(left.is_empty(), "{tree}/{file}");
        }
        assert!(tree.join("etc/machine-id").exists(), "an empty one: it is filled at boot");
    }
    // The tuning node's own tree is as it was.
    assert!(nfs.staging_tree("st").join("etc/nvme/hostid").exists());
}
