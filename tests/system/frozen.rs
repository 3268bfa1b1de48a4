//! Given modules built from the frozen sources of earlier versions of the module API: in the present program their images live and die as
//! images do.

use std::os::unix::process::ExitStatusExt;

use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::{facts, frozen, need};

const GOLDEN: &str = "diskless/images/nfsimages/golden";

/// A root with the modules of all versions, and with all that stands once something was made in it.
#[track_caller]
fn with_frozen_modules() -> TestRoot {
    frozen::build();
    let root = TestRoot::with_modules(&["demo"]);
    for (_, module) in frozen::MODULES {
        root.drop_in(module);
    }
    for directory in ["etc/systemd/system/multi-user.target.wants", "etc/exports.d"] {
        std::fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    done(&root, &["frozen", "carve", "warm-up"]);
    done(&root, &["remove", "warm-up", "--yes"]);
    root
}

#[track_caller]
fn done(root: &TestRoot, command: &[&str]) {
    let _ = root.disklessset(command).run().expect_done();
}

#[track_caller]
fn attribute(root: &TestRoot, image: &str, name: &str) -> Option<String> {
    let images = root.images();
    let listed = images.iter().find(|listed| listed["name"] == image)?;
    listed["attributes"][name].as_str().map(str::to_owned)
}

#[track_caller]
fn file_of(root: &TestRoot, image: &str, file: &str) -> String {
    let path = root.image_dir(image).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|cause| panic!("cannot read {path}: {cause}"))
}

/// Starts an action that has a program wait, and kills it while it does.
#[track_caller]
fn killed(root: &TestRoot, command: &[&str]) {
    let (running, _) = root.disklessset(command).start().wait_until(|| root.tool_at_work("sleep"));
    assert_eq!(running.kill_nine().signal(), Some(9));
    root.wait_for_orphans(format_args!("{command:?}"));
}

#[test]
fn an_image_of_api_1_0_is_made_changed_cloned_and_removed() {
    let root = with_frozen_modules();
    let before = Snapshot::of(&root);
    done(&root, &["frozen", "carve", "a", "--text", "mammoth"]);
    assert_eq!(root.status("a").as_deref(), Some("CREATED"));
    assert_eq!(file_of(&root, "a", "ice.txt"), "mammoth");
    assert!(file_of(&root, "a", "boot.ipxe").contains("echo a says mammoth"));
    done(&root, &["frozen", "engrave", "a", "--text", "boot"]);
    assert_eq!(
        (file_of(&root, "a", "ice.txt").as_str(), attribute(&root, "a", "text").as_deref()),
        ("boot", Some("boot"))
    );
    done(&root, &["clone", "a", "b"]);
    assert_eq!(file_of(&root, "b", "ice.txt"), "boot");
    assert!(root.path().join(GOLDEN).join("b/tree").is_file());
    for image in ["a", "b"] {
        done(&root, &["remove", image, "--yes"]);
    }
    before.assert_same_as_now(&root);
}

#[test]
fn what_a_killed_creation_of_api_1_0_left_is_cleaned() {
    let root = with_frozen_modules();
    let before = Snapshot::of(&root);
    killed(&root, &["frozen", "carve", "a", "--seconds", "50"]);
    assert_eq!(root.status("a").as_deref(), Some("CORRUPTED"));
    assert!(root.path().join(GOLDEN).join("a/tree").is_file(), "it lies outside of the image's directory");
    done(&root, &["clean", "--yes"]);
    before.assert_same_as_now(&root);
}

#[test]
fn a_module_of_api_1_0_hears_what_programs_print() {
    let root = with_frozen_modules();
    done(&root, &["frozen", "create", "a"]);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(attribute(&root, "a", "uname").as_deref(), Some(release.trim()));
}

#[test]
fn an_image_of_api_1_1_is_made_changed_cloned_and_removed() {
    let root = with_frozen_modules();
    let before = Snapshot::of(&root);
    done(&root, &["frosted", "create", "a"]);
    done(&root, &["frosted", "write", "a", "--text", "cold"]);
    assert_eq!(file_of(&root, "a", "frost.txt"), "cold");
    done(&root, &["frosted", "offer", "a"]);
    let offers = root.disklessset(&["frosted", "offers", "--format", "json"]).run().expect_done().json();
    assert_eq!(offers["result"]["images"], serde_json::json!(["a"]));
    assert_eq!(offers["result"]["clients"], serde_json::json!(["10.0.0.0/8(ro,fsid=7)"]));
    done(&root, &["frosted", "withdraw", "a"]);
    done(&root, &["frosted", "keep", "a"]);
    done(&root, &["clone", "a", "b"]);
    let refused = root.disklessset(&["remove", "a", "--yes"]).run().expect_code(5);
    let _ = refused.expect_said("image a is kept").expect_said("disklessset frosted release");
    done(&root, &["remove", "b", "--yes"]);
    done(&root, &["frosted", "release", "a"]);
    done(&root, &["remove", "a", "--yes"]);
    before.assert_same_as_now(&root);
}

#[test]
fn a_killed_creation_of_api_1_1_is_cleaned_and_a_killed_action_settled_by_the_class() {
    let root = with_frozen_modules();
    let before = Snapshot::of(&root);
    killed(&root, &["frosted", "create", "a", "--seconds", "50"]);
    assert_eq!(root.status("a").as_deref(), Some("CORRUPTED"));
    done(&root, &["clean", "--yes"]);
    before.assert_same_as_now(&root);

    done(&root, &["frosted", "create", "a"]);
    killed(&root, &["frosted", "write", "a", "--text", "half", "--seconds", "50"]);
    let said = root.disklessset(&["clean", "--yes"]).run().expect_done();
    let _ = said.expect_said("the frost of a stays");
    assert_eq!(attribute(&root, "a", "recovered_from").as_deref(), Some("write"));
    done(&root, &["remove", "a", "--yes"]);
    before.assert_same_as_now(&root);
}

#[test]
fn a_view_of_api_1_1_stands_until_its_image_is_removed() {
    disklessset_tests::need!(need::root());
    let root = with_frozen_modules();
    let before = Snapshot::of(&root);
    done(&root, &["frosted", "create", "a", "--text", "seen"]);
    done(&root, &["frosted", "stand", "a"]);
    let view = root.path().join(GOLDEN).join("a/view");
    let stands = || facts::mount_points().unwrap().iter().any(|point| point == view.as_std_path());
    assert!(stands());
    assert_eq!(std::fs::read_to_string(view.join("frost.txt")).unwrap(), "seen");
    done(&root, &["frosted", "fall", "a"]);
    assert!(!stands());
    done(&root, &["frosted", "stand", "a"]);
    done(&root, &["remove", "a", "--yes"]);
    assert!(!stands());
    before.assert_same_as_now(&root);
}

#[test]
fn a_class_of_api_1_1_is_built_on_one_of_api_1_0() {
    let root = with_frozen_modules();
    done(&root, &["frosted", "carve", "a", "--text", "mammoth"]);
    let images = root.images();
    assert_eq!(images[0]["image_class"], "FrostedIce", "{images:?}");
    let _ =
        root.disklessset(&["remove", "a", "--yes"]).run().expect_code(5).expect_said("a mammoth in image a");
    done(&root, &["frosted", "engrave", "a", "--text", "thawed"]);
    done(&root, &["remove", "a", "--yes"]);
    assert!(root.images().is_empty());
}

#[test]
fn a_class_of_api_1_2_has_the_actions_of_its_base_as_it_refined_them() {
    let root = with_frozen_modules();
    let before = Snapshot::of(&root);
    let help = root.disklessset(&["rimed", "rime", "--help"]).run().expect_done().stdout;
    assert!(
        help.contains("--thick") && help.contains("What is under the rime") && !help.contains("--crash"),
        "{help}"
    );
    let _ = root.disklessset(&["rimed", "message", "a", "x"]).run().expect_code(2);
    done(&root, &["rimed", "rime", "a", "--thick"]);
    assert_eq!(attribute(&root, "a", "my_message").as_deref(), Some("rime"));
    done(&root, &["clone", "a", "b"]);
    assert_eq!(attribute(&root, "b", "thawed_from").as_deref(), Some("a"));
    done(&root, &["rimed", "thaw", "b", "--yes"]);
    assert_eq!(file_of(&root, "b", "message.txt"), "thawed\n");
    done(&root, &["remove", "a", "b", "--yes"]);
    before.assert_same_as_now(&root);
}
