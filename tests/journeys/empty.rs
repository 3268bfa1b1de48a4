//! Given a root in which nothing has been done yet.

use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use serde_json::json;

#[test]
fn listing_shows_nothing_and_makes_nothing() {
    let root = TestRoot::bare();
    let before = Snapshot::of(&root);
    let _ = root.disklessset(&["list"]).run().expect_done();
    let list = root.disklessset(&["list", "--format", "json"]).run().expect_done();
    assert_eq!(list.json(), json!({"format": 1, "images": []}));
    let kernels = root.disklessset(&["kernel", "list", "--format", "json"]).run().expect_done();
    assert_eq!(kernels.json(), json!({"format": 1, "kernels": []}));
    let modules = root.disklessset(&["module", "list", "--format", "json"]).run().expect_done();
    assert_eq!(modules.json(), json!({"format": 1, "modules": []}));
    before.assert_same_as_now(&root);
}

#[test]
fn what_is_not_there_is_said_with_its_own_exit_code() {
    let root = TestRoot::with_modules(&["demo"]);
    for args in [&["show", "nobody"][..], &["remove", "nobody", "--yes"], &["clone", "nobody", "new"]] {
        let _ = root.disklessset(args).run().expect_code(3).expect_said("nobody");
    }
}

#[test]
fn unknown_commands_and_modules_are_wrong_usage() {
    let root = TestRoot::bare();
    for args in [&["frobnicate"][..], &["demo", "create", "a"], &["list", "--no-such-flag"]] {
        let _ = root.disklessset(args).run().expect_code(2);
    }
}
