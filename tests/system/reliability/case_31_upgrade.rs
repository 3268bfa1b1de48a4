//! Given a module whose file is replaced while an image of it is being made: the creation ends with the old code, the next run has the
//! new.

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{standing_still, warmed_up};

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
fn case_31_a_creation_ends_although_its_module_is_replaced() {
    disklessset_tests::need!(need::tool("strace"));
    let root = meanwhile(|root| drop(root.drop_in("demo")));
    let _ = root.disklessset(&["demo", "message", "b", "next"]).run().expect_done();
    let _ = root.disklessset(&["remove", "b", "--yes"]).run().expect_done();
}

#[test]
fn case_31_a_creation_ends_although_its_module_is_removed() {
    disklessset_tests::need!(need::tool("strace"));
    let root = meanwhile(|root| root.take_out("demo"));
    assert!(root.images()[0]["module"].is_null());
    root.drop_in("demo");
    let _ = root.disklessset(&["remove", "b", "--yes"]).run().expect_done();
}

#[test]
fn case_31_a_creation_ends_although_its_module_is_replaced_by_something_else() {
    disklessset_tests::need!(need::tool("strace"));
    let root = meanwhile(|root| {
        root.take_out("demo");
        std::fs::copy("/proc/self/cmdline", root.modules_dir().join("demo_module.so")).unwrap();
    });
    let _ = root.disklessset(&["demo", "create", "c"]).run().expect_code(2).expect_said("demo");
    let _ = root.disklessset(&["clear", "b", "--yes"]).run().expect_done();
    assert!(root.images().is_empty());
}
