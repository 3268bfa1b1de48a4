//! Given the demo module dropped in: an image from its creation to its removal.

use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

fn root_with(images: &[&str]) -> TestRoot {
    let root = TestRoot::with_modules(&["demo"]);
    for image in images {
        let _ = root.disklessset(&["demo", "create", image]).run().expect_done();
    }
    root
}

#[test]
fn an_image_is_made_listed_shown_and_removed_without_a_trace() {
    let root = root_with(&["warm-up"]);
    let _ = root.disklessset(&["remove", "warm-up", "--yes"]).run().expect_done();
    let before = Snapshot::of(&root);

    let _ = root.disklessset(&["demo", "create", "hello", "--message", "good day"]).run().expect_done();
    let listed = root.images();
    assert_eq!(listed.len(), 1, "{listed:?}");
    for (field, value) in
        [("name", "hello"), ("status", "CREATED"), ("image_class", "DemoImage"), ("module", "demo")]
    {
        assert_eq!(listed[0][field], value, "{listed:?}");
    }
    assert!(listed[0]["pid"].is_null(), "{listed:?}");
    let shown = root.disklessset(&["show", "hello", "--format", "json"]).run().expect_done().json();
    assert_eq!(shown["format"], 1);
    assert_eq!(shown["image"]["attributes"]["my_message"], "good day", "{shown}");
    let table = root.disklessset(&["list"]).run().expect_done();
    assert!(table.stdout.contains("hello") && table.stdout.contains("CREATED"), "{table}");
    assert!(root.image_dir("hello").join("image_data.yml").is_file());

    let _ = root.disklessset(&["remove", "hello", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

#[test]
fn images_are_listed_by_name() {
    let root = root_with(&["b", "a.10", "a-2", "C"]);
    let names: Vec<_> =
        root.images().iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(names, sorted);
    assert_eq!(names.len(), 4);
}

#[test]
fn a_name_is_given_once() {
    let root = root_with(&["taken"]);
    let before = Snapshot::of(&root);
    let _ = root.disklessset(&["demo", "create", "taken"]).run().expect_refusal(&[1, 5]).expect_said("taken");
    before.assert_same_as_now(&root);
}

#[test]
fn a_clone_lives_on_when_its_source_goes() {
    let root = root_with(&["source"]);
    let _ = root.disklessset(&["clone", "source", "copy"]).run().expect_done();
    let _ = root.disklessset(&["remove", "source", "--yes"]).run().expect_done();
    assert_eq!(root.status("copy").as_deref(), Some("CREATED"));
    assert_eq!(root.status("source"), None);
    let _ = root.disklessset(&["show", "copy"]).run().expect_done();
}

#[test]
fn removing_without_a_terminal_needs_a_yes() {
    let root = root_with(&["kept"]);
    let before = Snapshot::of(&root);
    let _ = root
        .disklessset(&["remove", "kept"])
        .stdin("yes\n")
        .run()
        .expect_refusal(&[2, 5])
        .expect_said("--yes");
    before.assert_same_as_now(&root);
}

#[test]
fn a_dry_run_changes_nothing() {
    let root = root_with(&["kept"]);
    let before = Snapshot::of(&root);
    let _ = root.disklessset(&["--dry-run", "remove", "kept", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

#[test]
fn a_message_comes_back_exactly() {
    let root = root_with(&[]);
    let messages = [
        "key: value",
        "#no comment",
        "two\nlines",
        "\"double\" 'single'",
        "größer ☃",
        "yes",
        "007",
        " edge ",
    ];
    for (number, message) in messages.iter().enumerate() {
        let name = format!("m{number}");
        let _ = root.disklessset(&["demo", "create", &name, "--message", message]).run().expect_done();
        let shown = root.disklessset(&["show", &name, "--format", "json"]).run().expect_done().json();
        assert_eq!(shown["image"]["attributes"]["my_message"], *message, "{shown}");
    }
    assert_eq!(root.images().len(), messages.len());
}

#[test]
fn an_image_stays_listed_when_its_module_goes_and_is_cleared_without_it() {
    let root = root_with(&["orphan"]);
    root.take_out("demo");
    let listed = root.images();
    assert_eq!(listed[0]["name"], "orphan", "{listed:?}");
    assert!(listed[0]["module"].is_null(), "{listed:?}");
    let _ = root
        .disklessset(&["remove", "orphan", "--yes"])
        .run()
        .expect_refusal(&[1, 3, 5])
        .expect_said("clear");
    let _ = root.disklessset(&["clear", "orphan", "--yes"]).run().expect_done();
    assert_eq!(root.images(), [] as [serde_json::Value; 0]);
}
