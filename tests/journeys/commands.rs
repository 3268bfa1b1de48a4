//! Given the demo module: the ways of scripts, from parameters files to closed pipes.

use std::os::unix::fs::PermissionsExt;

use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

/// A parameters file beside the root.
fn file(root: &TestRoot, name: &str, text: &str) -> String {
    let path = root.beside().join(name);
    let made = std::fs::create_dir_all(root.beside()).and_then(|()| {
        let mut file = std::fs::File::create(&path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
    });
    made.unwrap_or_else(|cause| panic!("cannot write {path}: {cause}"));
    path.into_string()
}

#[test]
fn an_image_is_made_from_a_parameters_file() {
    let root = TestRoot::with_modules(&["demo"]);
    let text = "image_data:\n  name: web01\n  image_class: DemoImage\n  my_message: 'a: b'\n";
    let path = file(&root, "good.yml", text);
    let planned = root.disklessset(&["--dry-run", "create", "--from", &path]).run().expect_done();
    assert_eq!(planned.stdout, "would create image web01 (DemoImage)\n");
    assert!(root.images().is_empty());
    let _ = root.disklessset(&["create", "--from", &path]).run().expect_done();
    assert_eq!(root.status("web01").as_deref(), Some("CREATED"));
    let shown = root.disklessset(&["show", "web01", "--format", "json"]).run().expect_done().json();
    assert_eq!(shown["image"]["attributes"]["my_message"], "a: b", "{shown}");
}

#[test]
fn a_wrong_parameters_file_is_refused_by_name_and_changes_nothing() {
    let root = TestRoot::with_modules(&["demo"]);
    let before = Snapshot::of(&root);
    for (number, (text, said)) in [
        ("image_data:\n  name: a\n  image_class: DemoImage\n  colour: red\n", "colour"),
        ("image_data:\n  name: ../a\n  image_class: DemoImage\n", "../a"),
        ("image_data:\n  name: a\n  image_class: NoSuchImage\n", "NoSuchImage"),
        ("image_data: [\n", "line 2"),
        ("", "image_data"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = file(&root, &format!("{number}.yml"), text);
        let _ =
            root.disklessset(&["create", "--from", &path]).run().expect_refusal(&[2, 3]).expect_said(said);
    }
    let _ = root
        .disklessset(&["create", "--from", "/no/such/file"])
        .run()
        .expect_code(2)
        .expect_said("/no/such/file");
    before.assert_same_as_now(&root);
}

#[test]
fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "web01"]).run().expect_done();
    // The reader is gone before the first line comes.
    let closed = "{ sleep 0.5; exec \"$@\"; } | true; exit ${PIPESTATUS[0]}";
    let done = root.disklessset(&["list"]).behind("/bin/bash", &["-c", closed, "bash"]).run().expect_done();
    assert_eq!(done.stderr, "");
    let full =
        root.disklessset(&["list"]).behind("/bin/bash", &["-c", "exec \"$@\" >/dev/full", "bash"]).run();
    let _ = full.expect_code(1).expect_said("No space left");
}

#[test]
fn help_names_the_modules_and_their_actions() {
    let root = TestRoot::with_modules(&["demo"]);
    let help = root.disklessset(&["--help"]).run().expect_done().stdout;
    assert!(help.contains("Worked example for module authors"), "{help}");
    for args in [&["demo", "create", "--help"][..], &["help", "demo", "create"]] {
        let help = root.disklessset(args).run().expect_done().stdout;
        assert!(help.contains("--message <TEXT>") && help.contains("[default: Hello"), "{help}");
    }
    root.take_out("demo");
    let help = root.disklessset(&["--help"]).run().expect_done().stdout;
    assert!(!help.contains("Worked example"), "{help}");
}

#[test]
fn a_module_is_checked_installed_and_removed() {
    let root = TestRoot::bare();
    let built = disklessset_tests::run::built_module("demo").into_string();
    let checked =
        root.disklessset(&["module", "check", &built, "--format", "json"]).run().expect_done().json();
    assert!(checked["findings"].as_array().is_some_and(|found| found.len() > 3), "{checked}");
    let _ = root.disklessset(&["module", "check", "/etc/passwd"]).run().expect_code(1);
    let _ = root.disklessset(&["module", "install", "/etc/passwd"]).run().expect_code(5);
    let _ = root.disklessset(&["module", "install", &built]).run().expect_done();
    let listed = root.disklessset(&["module", "list", "--format", "json"]).run().expect_done().json();
    assert_eq!(
        (&listed["modules"][0]["name"], &listed["modules"][0]["state"]),
        (&"demo".into(), &"ready".into())
    );
    let _ = root.disklessset(&["demo", "create", "web01"]).run().expect_done();
    let _ = root.disklessset(&["module", "remove", "demo"]).run().expect_done();
    let _ = root.disklessset(&["module", "remove", "demo"]).run().expect_code(3);
    assert!(root.images()[0]["module"].is_null());
}
