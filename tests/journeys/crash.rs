//! Given a creation that dies: the list shows it and leaves it alone, cleaning brings the world back.

use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

/// A root in which images have been made before, so that the standing directories are there, and one creation that has
/// just died.
fn crashed() -> (TestRoot, Snapshot) {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "warm-up"]).run().expect_done();
    let _ = root.disklessset(&["remove", "warm-up", "--yes"]).run().expect_done();
    let before = Snapshot::of(&root);
    let died = root.disklessset(&["demo", "create", "broken", "--crash"]).run();
    assert!(!died.status.success(), "it was told to crash: {died}");
    assert_eq!(root.status("broken").as_deref(), Some("CORRUPTED"));
    (root, before)
}

#[test]
fn a_listing_shows_it_and_never_cleans() {
    let (root, before) = crashed();
    let left = Snapshot::of(&root);
    assert_ne!(before.differences(&left), "", "a crash that leaves nothing shows nothing");
    for args in [&["list"][..], &["show", "broken"], &["list", "--format", "json"], &["--dry-run", "clean"]] {
        let _ = root.disklessset(args).run();
    }
    left.assert_same_as_now(&root);
}

#[test]
fn cleaning_brings_the_world_back() {
    let (root, before) = crashed();
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    assert!(root.images().is_empty());
    before.assert_same_as_now(&root);
}

#[test]
fn so_does_cleaning_that_one_by_name() {
    let (root, before) = crashed();
    let _ = root.disklessset(&["clean", "broken", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

#[test]
fn so_does_cleaning_when_the_module_is_gone() {
    let (root, before) = crashed();
    root.take_out("demo");
    assert_eq!(root.status("broken").as_deref(), Some("CORRUPTED"));
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

#[test]
fn the_next_command_that_changes_something_cleans_first() {
    let (root, before) = crashed();
    let _ = root.disklessset(&["demo", "create", "broken"]).run().expect_done();
    assert_eq!(root.status("broken").as_deref(), Some("CREATED"));
    let _ = root.disklessset(&["remove", "broken", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}
