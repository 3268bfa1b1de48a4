//! The log of an image: every operation on it, as text and as JSON.

use disklessset_tests::root::TestRoot;

#[test]
fn a_log_has_every_operation_on_an_image_also_on_one_that_is_gone() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "web01"]).run().expect_done();
    let _ = root.disklessset(&["remove", "web01", "--yes"]).run().expect_done();

    let log = root.disklessset(&["log", "web01", "--format", "json"]).run().expect_done().json();
    let operations = log["log"].as_array().unwrap();
    let ways =
        operations.iter().map(|one| (one["action"].as_str().unwrap(), one["result"].as_str().unwrap()));
    let ways: Vec<_> = ways.collect();
    assert_eq!((ways.first(), ways.last()), (Some(&("create", "done")), Some(&("remove", "done"))), "{log}");
    assert!(operations.iter().all(|one| one["seconds"].as_u64().is_some_and(|taken| taken < 100)), "{log}");

    let last = root.disklessset(&["log", "web01", "--last"]).run().expect_done().stdout;
    let lines: Vec<&str> = last.lines().collect();
    assert!(lines.first().is_some_and(|line| line.ends_with(" remove: begins")), "{last}");
    assert!(lines.last().is_some_and(|line| line.ends_with(" remove: done")), "{last}");
}

#[test]
fn a_refusal_before_an_operation_begins_is_no_operation() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "web01"]).run().expect_done();
    let before = root.disklessset(&["log", "web01", "--format", "yaml"]).run().expect_done().stdout;
    assert!(before.contains("action: create") && before.contains("result: done"), "{before}");
    let again = root.disklessset(&["demo", "create", "web01"]).run();
    assert!(!again.status.success(), "{again}");
    let after = root.disklessset(&["log", "web01", "--format", "yaml"]).run().expect_done().stdout;
    assert_eq!(before, after);
}
