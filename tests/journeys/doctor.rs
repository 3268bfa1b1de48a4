//! `doctor`: what this server lacks for which action.

use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

#[test]
fn it_shows_every_action_and_changes_nothing() {
    let root = TestRoot::bare();
    let before = Snapshot::of(&root);
    let outcome = root.disklessset(&["doctor", "--format", "json"]).run();
    let document = outcome.json();
    assert_eq!(document["format"], 1);
    let actions = document["actions"].as_array().expect("a list of actions");
    let lacks = |action: &&serde_json::Value| action["counts"] == true && action["ready"] == false;
    let expected = i32::from(actions.iter().any(|action| lacks(&action)));
    let _ = outcome.expect_code(expected);
    for name in ["apt", "dnf", "livenet", "nfs", "initramfs", "prove"] {
        assert!(actions.iter().any(|action| action["action"] == name), "{document}");
    }
    before.assert_same_as_now(&root);
}

#[test]
fn a_named_action_alone_is_looked_at_and_an_unknown_one_is_wrong_usage() {
    let root = TestRoot::bare();
    // Part of every system that a test runs on.
    let outcome = root.disklessset(&["doctor", "nfs"]).run().expect_done();
    let named = outcome.stdout.lines().skip(1).all(|line| line.starts_with("nfs "));
    assert!(named, "{outcome}");
    let _ = root.disklessset(&["doctor", "nosuch"]).run().expect_code(2);
}
