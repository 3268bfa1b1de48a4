//! What is on record of nodes and pools, and what is not let in.

use std::os::unix::fs::PermissionsExt;

use disklessset_tests::root::TestRoot;

use super::{done, refused, world};

#[test]
fn nodes_and_pools_are_set_listed_shown_and_removed() {
    let root = world();
    let dry = done(&root, &["--dry-run", "pool", "set", "compute", "--image", "web", "--nodes", "c[1-3]"]);
    assert_eq!(dry, "would make pool compute\nwould make 3 nodes: c[1-3]\n");
    let set = root.disklessset(&["pool", "set", "compute", "--image", "web", "--nodes", "c[1-3]"]).run();
    let _ = set.expect_done().expect_said("made 3 nodes: c[1-3]");
    done(
        &root,
        &[
            "node",
            "set",
            "c1",
            "--mac",
            "5254.00AB.cd01",
            "--address",
            "10.0.0.1",
            "--alias",
            "login",
            "--kernel-parameters",
            "console=ttyS0",
            "--var",
            "rack=r1",
        ],
    );
    let shown = root.disklessset(&["node", "show", "login", "--format", "json"]).run().expect_done().json();
    let wanted = serde_json::json!({
        "name": "c1", "mac": ["52:54:00:ab:cd:01"], "address": "10.0.0.1", "alias": ["login"], "pool": "compute",
        "image": null,
        "kernel_parameters": "console=ttyS0", "variables": {"rack": "r1"}
    });
    assert_eq!(shown["node"], wanted);
    let listed = root.disklessset(&["--format", "json", "node", "list", "c[2-3]"]).run().expect_done().json();
    let names: Vec<&str> =
        listed["nodes"].as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c2", "c3"]);
    let table = done(&root, &["node", "list"]);
    assert!(table.contains("52:54:00:ab:cd:01") && table.lines().count() == 4, "{table}");
    assert!(done(&root, &["--format", "yaml", "node", "list"]).contains("name: c1\n"));
    let pool = root.disklessset(&["--format", "json", "pool", "show", "compute"]).run().expect_done().json();
    assert_eq!((&pool["pool"]["nodes"], &pool["pool"]["node_count"]), (&"c[1-3]".into(), &3.into()));
    let table = done(&root, &["pool", "list"]);
    assert!(table.contains("compute") && table.contains("c[1-3]"), "{table}");
    let moved =
        root.disklessset(&["pool", "set", "gpu", "--nodes", "c3", "--boot", "local"]).run().expect_done();
    let _ = moved.expect_said("moved node c3 from pool compute to pool gpu");
    let _ = root.disklessset(&["node", "remove", "c2"]).run().expect_code(5).expect_said("--yes");
    done(&root, &["--yes", "node", "remove", "c2"]);
    let _ = root
        .disklessset(&["node", "set", "c1", "--pool", "compute"])
        .run()
        .expect_done()
        .expect_said("so already");
    done(&root, &["node", "set", "c[1,3]", "--pool", ""]);
    done(&root, &["--yes", "pool", "remove", "gpu"]);
    let file = root.path().join("var/lib/diskless/nodes.yml");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    let _ = root.disklessset(&["verify"]).run().expect_done();
}

#[test]
fn nodes_and_pools_that_cannot_be_are_refused_and_nothing_changes() {
    let root = world();
    done(&root, &["pool", "set", "a", "--image", "web", "--nodes", "c[1-2]"]);
    done(&root, &["node", "set", "c1", "--mac", "52:54:00:ab:cd:01", "--address", "10.0.0.1"]);
    let long = format!("x={}", "y".repeat(1020));
    for (words, code, said) in [
        (&["node", "show", "c9"][..], 3, "there is no node c9"),
        (&["node", "list", "c[1-9]"], 3, "c[3-9]"),
        (&["--yes", "node", "remove", "c9"], 3, "there is no node c9"),
        (&["node", "set", "c1", "--pool", "none"], 3, "there is no pool none"),
        (&["pool", "show", "none"], 3, "there is no pool none"),
        (&["--yes", "pool", "remove", "none"], 3, "there is no pool none"),
        (&["--yes", "pool", "remove", "a"], 5, "pool a has nodes: c[1-2]"),
        (&["pool", "set", "a", "--image", "none"], 3, "there is no image none"),
        (&["pool", "set", "a", "--image", "web@9"], 3, "there is no version web@9"),
        (&["pool", "set", "a", "--image", "web@nope"], 3, "there is no version web@nope"),
        (&["pool", "set", "a", "--image", "web@0"], 2, "0"),
        (&["pool", "set", "../a"], 2, "is not the name of a pool"),
        (&["pool", "set", "a", "--boot", "disk"], 2, "disk"),
        (&["assign", "web", "c1"], 5, "node c1 is in the pool a"),
        (&["assign", "none", "c9"], 3, "there is no image none"),
        (&["boot", "show", "c9"], 3, "there is no node c9"),
        (&["node", "set", "c[1-2]", "--mac", "52:54:00:ab:cd:02"], 2, "one node"),
        (&["node", "set", "c2", "--mac", "52-54-00-AB-CD-01"], 5, "c1 and c2"),
        (&["node", "set", "c2", "--address", "10.0.0.1"], 5, "c1 and c2"),
        (&["node", "set", "c2", "--alias", "C1"], 5, "c1 and c2"),
        (&["node", "set", "C1"], 5, "c1"),
        (&["node", "set", "c2", "--mac", "zz"], 2, "is not the MAC address"),
        (&["node", "set", "c2", "--address", "10.0.0.1/8"], 2, "is not the address"),
        (&["node", "set", "c2", "--var", "next-server=x"], 2, "next-server"),
        (&["node", "set", "c2", "--var", "x"], 2, "KEY=VALUE"),
        (&["node", "set", "c2", "--var", "x=${y}"], 2, "${"),
        (&["node", "set", "c2", "--kernel-parameters", "a\nb"], 2, "one line"),
        (&["node", "set", "c2", "--kernel-parameters", "a || shell"], 2, "||"),
        // A blank of another script, which would become one before the # in the boot file.
        (&["node", "set", "c2", "--kernel-parameters", "a\u{3000}#b"], 2, "#b"),
        (&["node", "set", "c2/..", "--pool", "a"], 2, "c2/.."),
    ] {
        match words[1] {
            "show" | "list" => drop(root.disklessset(words).run().expect_code(code).expect_said(said)),
            _ => refused(&root, words, code, said),
        }
    }
    done(&root, &["node", "set", "c2", "--kernel-parameters", &long]);
    refused(&root, &["pool", "set", "a", "--kernel-parameters", &long], 5, "at most 2048 are allowed");
    let _ = root.disklessset(&["verify"]).run().expect_done();
}

#[test]
fn nodes_that_are_set_at_the_same_time_are_all_on_record() {
    let root = world();
    let running: Vec<_> =
        (1..=6).map(|number| root.disklessset(&["node", "set", &format!("c{number}")]).start()).collect();
    for one in running {
        let _ = one.wait().expect_done();
    }
    let listed = root.disklessset(&["--format", "json", "node", "list"]).run().expect_done().json();
    assert_eq!(listed["nodes"].as_array().unwrap().len(), 6);
    let _ = root.disklessset(&["verify"]).run().expect_done();
}

#[test]
fn the_menu_has_nodes_and_pools_below_the_modules() {
    let root = world();
    let answers = "1\n3\n4\n../x\ncompute\nweb\n1\n3\n6\n1\nc[1-\nc[1-2]\n1\n3\n3\nc2\n1\n3\n8\n10\n";
    let menu = root.disklessset(&[] as &[&str]).stdin(answers).run().expect_done();
    for shown in ["3 Nodes and pools", "is not the name of a pool", "set hostname c2"] {
        assert!(menu.stdout.contains(shown), "{shown}: {}", menu.stdout);
    }
    let _ = menu.expect_said("made 2 nodes: c[1-2]");
    let pool = root.disklessset(&["--format", "json", "pool", "show", "compute"]).run().expect_done().json();
    assert_eq!((&pool["pool"]["image"], &pool["pool"]["nodes"]), (&"web".into(), &"c[1-2]".into()));
}

#[test]
fn a_proof_takes_an_image_a_pool_or_a_node_on_record() {
    let root = TestRoot::with_modules(&["demo"]);
    done(&root, &["pool", "set", "disk", "--boot", "local", "--nodes", "c1"]);
    done(&root, &["pool", "set", "empty"]);
    for (words, code, said) in [
        (&["prove"][..], 2, "required"),
        (&["prove", "web", "--pool", "disk"], 2, "cannot be used with"),
        (&["prove", "--pool", "nobody"], 3, "nobody"),
        (&["prove", "--boot-node", "c9"], 3, "c9"),
        (&["prove", "--pool", "disk"], 5, "pool disk boots from its own disk"),
        (&["prove", "--boot-node", "c1"], 5, "node c1 boots from its own disk"),
        (&["prove", "--pool", "empty"], 5, "pool empty has no image"),
        (&["prove", "--pool", "../x"], 2, "pool"),
    ] {
        let refused = root.disklessset(words).run().expect_code(code);
        assert!(refused.stderr.contains(said), "{said} in {refused}");
    }
}
