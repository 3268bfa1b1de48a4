//! Nodes come and go.

use disklessset_tests::facts::files_below;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::Nfs;

#[test]
fn nodes_get_a_copy_of_the_image_and_the_list_follows() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    let before = Snapshot::of(&nfs.root);
    let added =
        nfs.run(&["nfs", "nodes", "add", "g", "c[001-003],login1", "--format", "json"]).expect_done().json();
    assert_eq!(added["result"]["added"], "c[001-003],login1");
    assert_eq!(nfs.nodes("g"), ["c001", "c002", "c003", "login1"]);
    assert_eq!(nfs.attribute("g", "nodes"), "c[001-003],login1");
    let image = files_below(&nfs.golden("g").join("image")).unwrap();
    for node in ["c001", "login1"] {
        let tree = files_below(&nfs.node("g", node)).unwrap();
        assert!(tree.keys().eq(image.keys()), "{node}");
        for (file, facts) in &image {
            let copy = &tree[file];
            let same = |facts: &disklessset_tests::facts::FileFacts| {
                (facts.kind, facts.mode, facts.owner, facts.size, facts.digest)
            };
            assert_eq!(same(facts), same(copy), "{node}: {}", file.display());
        }
    }
    let _ = nfs.run(&["nfs", "nodes", "remove", "g", "c[001-003]", "--yes"]).expect_done();
    assert_eq!((nfs.nodes("g"), nfs.attribute("g", "nodes")), (vec!["login1".to_owned()], "login1".into()));
    nfs.done(&["nfs", "nodes", "remove", "g", "login1", "--yes"]);
    assert_eq!(nfs.nodes("g").len(), 0);
    before.assert_same_as_now(&nfs.root);
}

#[test]
fn nodes_that_are_there_keep_what_they_wrote() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-2]"]);
    std::fs::copy("/proc/self/cmdline", nfs.node("g", "c1").join("etc/own")).unwrap();
    let again = nfs.run(&["nfs", "nodes", "add", "g", "c[1-3]"]).expect_done();
    let _ = again.expect_said("c[1-2]: there already, and left as they are");
    assert!(nfs.node("g", "c1").join("etc/own").exists());
    assert!(!nfs.node("g", "c1").join("image").exists() && !nfs.node("g", "c1").join("c1").exists());
    assert_eq!(nfs.nodes("g"), ["c1", "c2", "c3"]);
    let before = Snapshot::of(&nfs.root);
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-3]"]);
    before.assert_same_as_now(&nfs.root);
    let gone = nfs.run(&["nfs", "nodes", "remove", "g", "c[3-5]", "--yes"]).expect_done();
    let _ = gone.expect_said("c[4-5]: not there");
    nfs.refused(&["nfs", "nodes", "remove", "g", "c[3-5]", "--yes"], 3, "image g has no nodes c[3-5]");
}

#[test]
fn what_is_no_node_set_is_refused_with_one_line() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    let sets = [
        "",
        " ",
        "../x",
        "a/b",
        "c[1-",
        "c[5-1]",
        "c[1-99999999999]",
        "-x",
        "a\nb",
        ";id",
        "$(id)",
        "@all",
        ".",
        "..",
    ];
    for set in sets {
        let before = Snapshot::of(&nfs.root);
        let refused = nfs.run(&["nfs", "nodes", "add", "g", "--", set]);
        assert_eq!(refused.status.code(), Some(2), "{set:?}: {refused}");
        before.assert_same_as_now(&nfs.root);
    }
}

#[test]
fn a_record_that_disagrees_with_the_trees_is_told_and_the_next_change_mends_it() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-2]"]);
    nfs.done(&["verify", "g"]);
    std::fs::remove_dir_all(nfs.node("g", "c1")).unwrap();
    let told = nfs.run(&["verify", "g"]).expect_code(1);
    assert!(told.stdout.contains("c[1-2]") && told.stdout.contains("c2"), "{told}");
    nfs.done(&["nfs", "nodes", "add", "g", "c3"]);
    nfs.done(&["verify", "g"]);
    assert_eq!(nfs.attribute("g", "nodes"), "c[2-3]");
    std::fs::remove_dir_all(nfs.golden("g").join("image")).unwrap();
    let told = nfs.run(&["verify", "g"]).expect_code(1);
    assert!(told.stdout.contains("is not there"), "{told}");
}

#[test]
fn removing_nodes_asks_first() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    nfs.refused(&["nfs", "nodes", "remove", "g", "c1"], 5, "--yes");
}

#[test]
fn a_node_with_a_mount_in_its_tree_is_not_deleted() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-2]"]);
    let precious = nfs.root.beside().join("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::copy("/proc/self/cmdline", precious.join("file")).unwrap();
    let at = nfs.node("g", "c1").join("srv");
    let mounted = disklessset_tests::mounted::Mounted::bind(&precious, &at);
    let failed = nfs.run(&["nfs", "nodes", "remove", "g", "c1", "--yes"]);
    assert!(!failed.status.success(), "{failed}");
    let _ = failed.expect_said("srv");
    assert!(precious.join("file").exists());
    assert!(nfs.node("g", "c1").join("etc/passwd").exists(), "nothing was done to the node");
    assert_eq!(nfs.nodes("g"), ["c1", "c2"]);
    drop(mounted);
    nfs.done(&["nfs", "nodes", "remove", "g", "c1", "--yes"]);
}

#[test]
fn a_plan_refuses_what_the_action_refuses() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    let commands: [(&[&str], i32, &str); 7] = [
        (&["nfs", "nodes", "add", "g", "c[1-"], 2, "not closed"),
        (&["nfs", "nodes", "remove", "g", "c[1-", "--yes"], 2, "not closed"),
        (&["nfs", "nodes", "remove", "g", "c7", "--yes"], 3, "has no nodes c7"),
        (&["nfs", "exec", "g", "--node", "nope", "--", "true"], 125, "has no node nope"),
        (&["nfs", "exec", "g", "--node", "../x", "--", "true"], 125, "../x"),
        (&["nfs", "exec", "st", "--node", "c1", "--", "true"], 125, "it has no nodes"),
        (&["nfs", "export", "st", "--per-node"], 2, "it has no nodes"),
    ];
    for (command, code, said) in commands {
        nfs.refused(command, code, said);
        nfs.refused(&[&["--dry-run"], command].concat(), code, said);
    }
    let planned = nfs.run(&["--dry-run", "nfs", "nodes", "add", "g", "c[2-3]"]).expect_done().stdout;
    assert!(planned.contains("would do nfs nodes add g") && planned.contains("method auto"), "{planned}");
    assert_eq!(nfs.nodes("g"), ["c1"]);
}

#[test]
fn a_pool_of_a_golden_image_gets_the_trees_of_its_nodes_when_that_is_confirmed() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    let own = nfs.node("g", "c1").join("srv/own");
    std::fs::copy("/proc/self/cmdline", &own).unwrap();
    let set = ["pool", "set", "compute", "--image", "g", "--nodes", "c[1-3]"];
    nfs.refused(&set, 5, "2 nodes (c[2-3]) have no tree of image g");
    let before = Snapshot::of(&nfs.root);
    let planned = nfs.run(&[&["--dry-run", "-i"][..], &set].concat()).expect_done();
    assert!(planned.stdout.contains("would make trees of image g for 2 nodes (c[2-3])"), "{planned}");
    let _ = planned.expect_said("a tree is ").expect_said("2 of them are");
    before.assert_same_as_now(&nfs.root);
    // What the change itself is refused for comes before any tree.
    nfs.refused(&["node", "set", "c9", "--pool", "nope", "--yes"], 3, "nope");

    nfs.done(&[&set[..], &["--yes"]].concat());
    assert_eq!(nfs.nodes("g"), ["c1", "c2", "c3"]);
    assert!(own.exists(), "a tree that was there stays");
    assert!(nfs.node("g", "c3").join("etc/passwd").exists());
    // All have theirs now, and nobody is asked.
    nfs.done(&set);
    nfs.done(&["pool", "set", "compute", "--kernel-parameters", "quiet"]);
    nfs.refused(&["node", "set", "c4", "--pool", "compute"], 5, "node c4 has no tree of image g");
    nfs.done(&["node", "set", "c4", "--pool", "compute", "--yes"]);
    nfs.done(&["assign", "g", "d1", "--yes"]);
    assert_eq!(nfs.nodes("g"), ["c1", "c2", "c3", "c4", "d1"]);
    // A staging image has one tree for all.
    nfs.done(&["pool", "set", "shared", "--image", "st", "--nodes", "s[1-2]"]);
}
