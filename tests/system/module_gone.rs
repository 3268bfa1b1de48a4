//! Given a module that goes when its images need it.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::stage::{Stage, warmed_up};
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
