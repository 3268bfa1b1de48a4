//! Given a class in one file that builds on a class in another: it has its base's commands as it refined them, its images live and die
//! by both, and taking one file away takes away no more than it must.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests: what fails here fails the test, which puts files in place"
)]

use camino::Utf8Path;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use serde_json::Value;

/// A root with both modules in which images have been made before, so that the standing directories are there, and a kernel of two
/// files.
fn both() -> (TestRoot, Snapshot) {
    let root = TestRoot::with_modules(&["ground", "refined"]);
    let files = root.beside().join("6.1.0");
    std::fs::write(&files, "a kernel, or an initramfs").unwrap();
    let kernels = root.path().join("var/www/html/preboot_execution_environment/diskless/kernels");
    std::fs::create_dir_all(&kernels).unwrap();
    for name in ["vmlinuz-6.1.0", "initramfs-kernel-6.1.0"] {
        std::fs::copy(&files, kernels.join(name)).unwrap();
    }
    done(&root, &["refined", "raise", "warm-up", "--tone", "low"]);
    done(&root, &["remove", "warm-up", "--yes"]);
    let before = Snapshot::of(&root);
    (root, before)
}

#[track_caller]
fn done(root: &TestRoot, command: &[&str]) {
    let _ = root.disklessset(command).run().expect_done();
}

#[track_caller]
fn refused(root: &TestRoot, command: &[&str], code: i32, said: &str) {
    let _ = root.disklessset(command).run().expect_code(code).expect_said(said);
}

#[track_caller]
fn attribute(root: &TestRoot, image: &str, name: &str) -> Value {
    root.images().iter().find(|listed| listed["name"] == image).unwrap()["attributes"][name].clone()
}

/// What the classes left outside of their images' directories.
fn traces(root: &TestRoot) -> Vec<String> {
    let work = root.path().join("var/tmp/diskless/workdir");
    let names = Utf8Path::read_dir_utf8(&work).unwrap().map(|entry| entry.unwrap().file_name().to_owned());
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(".ground") || name.ends_with(".refined")).collect();
    names.sort();
    names
}

/// State and reason of a module, as `module list` has them.
fn state(root: &TestRoot, name: &str) -> (String, String) {
    let list = root.disklessset(&["module", "list", "--format", "json"]).run().json();
    let module = list["modules"].as_array().unwrap().iter().find(|module| module["name"] == name).unwrap();
    let text = |key: &str| module[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("reason"))
}

#[test]
fn what_is_inherited_is_as_the_class_refined_it() {
    let (root, _) = both();
    let help = root.disklessset(&["refined", "raise", "--help"]).run().expect_done().stdout;
    assert!(help.contains("Raise an image above the ground"), "{help}");
    assert!(help.contains("--tone") && help.contains("--text") && help.contains("[default: fine]"), "{help}");
    assert!(!help.contains("--deep"), "{help}");
    // Another name of the creation, an action that is withdrawn, a parameter that has become narrower.
    refused(&root, &["refined", "create", "a"], 2, "create");
    refused(&root, &["refined", "raise", "a"], 2, "--tone");
    done(&root, &["refined", "raise", "a", "--tone", "high"]);
    refused(&root, &["refined", "tell", "a"], 2, "tell");
    refused(&root, &["refined", "paint", "a", "green"], 2, "green");
    // The base is as it was.
    let help = root.disklessset(&["ground", "create", "--help"]).run().expect_done().stdout;
    assert!(
        help.contains("--deep") && !help.contains("--tone") && help.contains("[default: plain]"),
        "{help}"
    );
    done(&root, &["ground", "create", "b"]);
    done(&root, &["ground", "paint", "b", "green"]);
    done(&root, &["ground", "tell", "b"]);
    let info =
        root.disklessset(&["module", "info", "refined", "--format", "json"]).run().expect_done().json();
    let commands: Vec<&str> = info["module"]["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["command"].as_str().unwrap())
        .collect();
    let names = ["raise", "paint", "census", "wipe", "dig"];
    assert_eq!(commands.len(), names.len(), "{commands:?}");
    assert!(
        names.iter().all(|name| commands.iter().any(|c| c.contains(&format!(" {name}")))),
        "{commands:?}"
    );
}

#[test]
fn a_parameters_file_follows_what_was_refined() {
    let (root, _) = both();
    let file = root.beside().join("parameters.yml");
    let write = |more: &str| {
        let text = format!("image_data:\n  name: a\n  image_class: RefinedImage\n{more}");
        std::fs::write(&file, text).unwrap();
    };
    write("  deep: true\n  tone: low\n");
    refused(&root, &["create", "--from", file.as_str()], 2, "deep");
    write("  tone: low\n");
    done(&root, &["create", "--from", file.as_str()]);
    assert_eq!(attribute(&root, "a", "text"), "fine");
    assert_eq!(attribute(&root, "a", "tone"), "low");
}

#[test]
fn in_every_step_the_base_does_its_part() {
    let (root, before) = both();
    done(&root, &["refined", "raise", "a", "--tone", "high", "--text", "my words"]);
    let record = std::fs::read_to_string(root.image_dir("a").join("image_data.yml")).unwrap();
    for line in ["text: my words\n", "tone: high\n", "deep: true\n", "image_class: RefinedImage"] {
        assert!(record.contains(line), "no {line:?} in {record}");
    }
    assert_eq!(std::fs::read_to_string(root.image_dir("a").join("text")).unwrap(), "my words");
    assert_eq!(traces(&root), ["a.ground", "a.refined"]);
    done(&root, &["clone", "a", "b"]);
    assert_eq!(traces(&root), ["a.ground", "a.refined", "b.ground", "b.refined"]);
    done(&root, &["kernel", "set", "b", "6.1.0"]);
    let boot = std::fs::read_to_string(root.image_dir("b").join("boot.ipxe")).unwrap();
    assert!(
        boot.contains("echo b vmlinuz-6.1.0") && boot.contains("\n# refined\n:disklessset_failed\n"),
        "{boot}"
    );
    assert_eq!(attribute(&root, "b", "kernel_of"), "ground and refined");
    done(&root, &["refined", "paint", "b", "red"]);
    done(&root, &["refined", "paint", "b", "blue", "--twice"]);
    assert_eq!(attribute(&root, "b", "coats"), "red blue blue ");
    let shown = root.disklessset(&["show", "b", "--format", "json"]).run().expect_done().stdout;
    assert!(shown.contains("\"ground\": true") && shown.contains("\"refined\": true"), "{shown}");
    let census = root.disklessset(&["refined", "census", "--format", "json"]).run().expect_done().json();
    assert_eq!(census["result"]["refined"], serde_json::json!(["a", "b"]), "{census}");
    assert!(census["result"]["ground"].is_array(), "{census}");
    done(&root, &["refined", "raise", "c", "--tone", "low", "--text", "kept"]);
    refused(&root, &["remove", "c", "--yes"], 5, "the ground keeps it");
    done(&root, &["refined", "wipe", "c", "--yes"]);
    done(&root, &["remove", "a", "b", "c", "--yes"]);
    before.assert_same_as_now(&root);
}

#[test]
fn a_crash_is_cleaned_from_the_derived_class_down_to_the_base() {
    let (root, before) = both();
    let died = root.disklessset(&["refined", "raise", "a", "--tone", "low", "--crash"]).run();
    assert!(!died.status.success(), "it was told to crash: {died}");
    assert_eq!(root.status("a").as_deref(), Some("CORRUPTED"));
    assert_eq!(traces(&root), ["a.ground", "a.refined"], "neither is on the host's record");
    done(&root, &["clean", "--yes"]);
    assert_eq!(root.status("a"), None);
    before.assert_same_as_now(&root);
}

#[test]
fn without_its_base_a_module_waits_and_comes_alive_when_it_is_dropped_in() {
    let (root, before) = both();
    done(&root, &["refined", "raise", "a", "--tone", "low"]);
    root.take_out("ground");
    let (found, reason) = state(&root, "refined");
    assert_eq!(found, "waiting");
    assert!(reason.contains("GroundImage"), "{reason}");
    assert_eq!(root.status("a").as_deref(), Some("CREATED"), "its images are still listed");
    refused(&root, &["refined", "paint", "a", "red"], 2, "waiting for class GroundImage");
    refused(&root, &["remove", "a", "--yes"], 3, "disklessset clear a");
    root.drop_in("ground");
    assert_eq!(state(&root, "refined").0, "ready");
    done(&root, &["refined", "paint", "a", "red"]);
    done(&root, &["remove", "a", "--yes"]);
    before.assert_same_as_now(&root);
}

#[test]
fn without_the_derived_class_its_base_goes_on() {
    let (root, before) = both();
    done(&root, &["ground", "create", "a"]);
    done(&root, &["refined", "raise", "b", "--tone", "low"]);
    root.take_out("refined");
    done(&root, &["ground", "paint", "a", "green"]);
    refused(&root, &["ground", "paint", "b", "green"], 2, "image b is a RefinedImage, not a GroundImage");
    done(&root, &["remove", "a", "--yes"]);
    root.drop_in("refined");
    done(&root, &["remove", "b", "--yes"]);
    before.assert_same_as_now(&root);
}
