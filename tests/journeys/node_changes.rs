//! Given a program that asks: changes of nodes and pools are one document, before them and after, and again when nothing changes.

use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use serde_json::{Value, json};

/// The change that a command prints, alone on its standard output.
#[track_caller]
fn change(root: &TestRoot, words: &[&str]) -> Value {
    let words = [&["--format", "json", "--yes"], words].concat();
    root.disklessset(&words).run().expect_done().json()["change"].clone()
}

#[test]
fn a_change_is_told_as_what_was_and_what_is_and_foretold_alike() {
    let root = TestRoot::bare();
    let set = ["pool", "set", "compute", "--nodes", "c[1-2]", "--kernel-parameters", "quiet"];
    let before = Snapshot::of(&root);
    let foretold = change(&root, &[&["--dry-run"], &set[..]].concat());
    before.assert_same_as_now(&root);
    assert_eq!(foretold, change(&root, &set));
    assert_eq!(foretold["pools"][0]["before"], Value::Null);
    assert_eq!(foretold["pools"][0]["after"]["nodes"], "c[1-2]");
    assert_eq!(foretold["nodes"][1]["after"]["name"], "c2");

    let same = json!({"pools": [], "nodes": []});
    assert_eq!(change(&root, &set), same);
    // A node that moves is another node, and both pools are others.
    let moved = change(&root, &["pool", "set", "other", "--nodes", "c2"]);
    let pools: Vec<_> =
        moved["pools"].as_array().into_iter().flatten().map(|pool| &pool["after"]["nodes"]).collect();
    assert_eq!(
        (pools, &moved["nodes"][0]["before"]["pool"]),
        (vec![&json!("c1"), &json!("c2")], &json!("compute"))
    );
    let imported = root
        .disklessset(&["--format", "json", "node", "import", "-"])
        .stdin("name,mac\nc1,52:54:00:00:00:01\n");
    let imported = imported.run().expect_done().json();
    assert_eq!(imported["change"]["nodes"][0]["after"]["mac"][0], "52:54:00:00:00:01");
}

#[test]
fn nodes_that_are_gone_already_are_passed_over_where_that_is_asked_for() {
    let root = TestRoot::bare();
    let _ = root.disklessset(&["node", "set", "c[1-3]"]).run().expect_done();
    let _ = root.disklessset(&["node", "remove", "c[3-4]", "--yes"]).run().expect_code(3);
    let remove = ["node", "remove", "--ignore-missing", "c[3-4]"];
    let removed = change(&root, &remove);
    assert_eq!((&removed["nodes"][0]["before"]["name"], &removed["nodes"][1]), (&json!("c3"), &Value::Null));
    assert_eq!(change(&root, &remove), json!({"pools": [], "nodes": []}));
    let _ = root.disklessset(&["pool", "set", "empty"]).run().expect_done();
    assert_eq!(change(&root, &["pool", "remove", "empty"])["pools"][0]["after"], Value::Null);
}
