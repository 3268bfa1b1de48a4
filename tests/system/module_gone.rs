//! Given a module that goes, or is replaced, when its images need it.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, standing_still, warmed_up};
use disklessset_tests::strace;

#[test]
fn what_a_killed_creation_left_is_cleaned_without_it() {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let stage = Stage::of(&root);
    let before = Snapshot::of(&root);
    let create = || root.disklessset(&["demo", "create", "b"]);
    let (_, points) = strace::record(&root, create());
    // While its work area is there, while it is filled, when it is published: not before there is anything.
    let mut corrupted = 0;
    for point in points.iter().step_by(7) {
        stage.restore();
        let _ = strace::killed_at(create(), point).run();
        root.take_out("demo");
        let status = root.status("b");
        corrupted += usize::from(status.as_deref() == Some("CORRUPTED"));
        let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
        if status.as_deref() != Some("CREATED") {
            let left = before.differences(&Snapshot::of(&root));
            assert!(left.is_empty(), "left after {point}:\n{left}");
        }
        root.drop_in("demo");
    }
    assert!(corrupted > 3, "only {corrupted} were CORRUPTED");
}

#[test]
fn an_image_is_not_removed_without_it_but_cleared() {
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let made = Snapshot::of(&root);
    root.take_out("demo");
    for command in [&["remove", "a", "--yes"][..], &["clone", "a", "b"]] {
        let refused = root.disklessset(command).run().expect_code(3);
        let _ = refused.expect_said("DemoImage").expect_said("disklessset clear a");
    }
    made.assert_same_as_now(&root);
    let _ = root.disklessset(&["clear", "a", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

/// Does something to the module's file while a creation stands still, and asserts that it ends as if nothing had been.
#[track_caller]
fn meanwhile(act: impl FnOnce(&TestRoot)) -> TestRoot {
    let root = warmed_up(&["demo"]);
    let create = ["demo", "create", "b", "--message", "old code"];
    // A file that the class itself makes: by then its module is loaded.
    let creating = standing_still(&root, &create, "message.txt", |slow| slow);
    std::thread::sleep(std::time::Duration::from_secs(1));
    act(&root);
    let _ = creating.wait().expect_done();
    let text = std::fs::read_to_string(root.image_dir("b").join("message.txt")).unwrap();
    assert_eq!(text, "old code\n");
    assert_eq!(root.status("b").as_deref(), Some("CREATED"));
    root
}

#[test]
fn a_creation_ends_although_its_module_is_replaced() {
    disklessset_tests::need!(need::tool("strace"));
    let root = meanwhile(|root| drop(root.drop_in("demo")));
    let _ = root.disklessset(&["demo", "message", "b", "next"]).run().expect_done();
    let _ = root.disklessset(&["remove", "b", "--yes"]).run().expect_done();
}

#[test]
fn a_creation_ends_although_its_module_is_removed() {
    disklessset_tests::need!(need::tool("strace"));
    let root = meanwhile(|root| root.take_out("demo"));
    assert!(root.images()[0]["module"].is_null());
    root.drop_in("demo");
    let _ = root.disklessset(&["remove", "b", "--yes"]).run().expect_done();
}

#[test]
fn a_creation_ends_although_its_module_is_replaced_by_something_else() {
    disklessset_tests::need!(need::tool("strace"));
    let root = meanwhile(|root| {
        root.take_out("demo");
        std::fs::copy("/proc/self/cmdline", root.modules_dir().join("demo_module.so")).unwrap();
    });
    let _ = root.disklessset(&["demo", "create", "c"]).run().expect_code(2).expect_said("demo");
    let _ = root.disklessset(&["clear", "b", "--yes"]).run().expect_done();
    assert!(root.images().is_empty());
}
