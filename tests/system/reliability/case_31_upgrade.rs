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

/// What the boot file of a demo image says, and what that of a newer module says in as many bytes.
const OLD: &[u8] = b"there is nothing to boot";
const NEW: &[u8] = b"there is NOTHING to boot";

#[test]
fn case_31_a_creation_ends_with_the_old_code_and_the_next_run_has_the_new() {
    disklessset_tests::need!(need::tool("strace"));
    let mut newer = std::fs::read(disklessset_tests::run::built_module("demo")).unwrap();
    let places: Vec<_> = (0..newer.len() - OLD.len()).filter(|at| newer[*at..].starts_with(OLD)).collect();
    assert!(!places.is_empty(), "the demo module says something else by now");
    for at in places {
        newer[at..at + NEW.len()].copy_from_slice(NEW);
    }
    let boot_file = |root: &TestRoot, image: &str| {
        let text = std::fs::read(root.image_dir(image).join("boot.ipxe")).unwrap();
        [OLD, NEW].into_iter().find(|words| text.windows(words.len()).any(|window| window == *words))
    };
    // As `module install` does it: beside the old one, and renamed over it.
    let root = meanwhile(|root| {
        let file = root.modules_dir().join("demo_module.so");
        let aside = root.modules_dir().join(".demo_module.so.new");
        std::io::Write::write_all(&mut std::fs::File::create(&aside).unwrap(), &newer).unwrap();
        std::fs::rename(aside, file).unwrap();
    });
    assert_eq!(boot_file(&root, "b"), Some(OLD), "the creation ended with other code than it began with");
    let _ = root.disklessset(&["demo", "create", "c"]).run().expect_done();
    assert_eq!(boot_file(&root, "c"), Some(NEW), "the next run has the old code");
    let _ = root.disklessset(&["clone", "b", "d"]).run().expect_done();
    assert_eq!(boot_file(&root, "d"), Some(NEW), "the next run has the old code");
    let _ = root.disklessset(&["remove", "b", "c", "d", "--yes"]).run().expect_done();
}
