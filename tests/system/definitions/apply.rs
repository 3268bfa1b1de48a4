//! Images that are brought to what a directory of definitions says.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::Outcome;
use serde_json::Value;

use super::{define, edit, git, listed, motd, states, tree};
use crate::system::small::{KERNEL, Small, put};

/// What was done about each image, as programs read it.
#[track_caller]
fn steps(outcome: &Outcome) -> Vec<(String, String)> {
    let json: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    json["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| (text(&image["name"]), text(&image["step"])))
        .collect()
}

fn wanted(steps: &[(&str, &str)]) -> Vec<(String, String)> {
    steps.iter().map(|(name, step)| ((*name).to_owned(), (*step).to_owned())).collect()
}

#[test]
fn apply_makes_what_is_missing_rebuilds_what_changed_and_leaves_the_rest() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let all = git(&small);
    put(&all.join("go.sh"), b"echo one >/etc/motd\n", 0o644);
    for (name, more) in [("c", ""), ("a", "run: go.sh\n"), ("b", "kernel_parameters: quiet\n")] {
        define(&small, name, &tree(&small), more);
    }
    let apply = ["apply", all.as_str()];
    let json = ["--format", "json", "apply", all.as_str()];
    let dry = |words: &[&str]| small.run(&[words, &["--dry-run"]].concat());
    let before = Snapshot::of(&small.root);
    let planned = dry(&apply).expect_done().stdout;
    let create = |name: &str| format!("would create image {name} (LivenetImage)\n");
    assert_eq!(planned, ["a", "b", "c"].map(create).concat());
    before.assert_same_as_now(&small.root);
    let _ = small.run(&apply).expect_done();
    assert_eq!(motd(&small, "a"), "one");
    // The second time nothing changes, newer packages or not.
    put(&small.tree.join("etc/issue"), b"newer", 0o644);
    let before = Snapshot::of(&small.root);
    let second = small.run(&apply).expect_done();
    for name in ["a", "b", "c"] {
        assert!(second.stderr.contains(&format!("image {name}: nothing has changed")), "{second}");
    }
    before.assert_same_as_now(&small.root);
    // A file that a definition names, and a definition.
    put(&all.join("go.sh"), b"echo two >/etc/motd\n", 0o644);
    define(&small, "b", &tree(&small), "");
    let planned = dry(&apply).expect_done().stdout;
    let script = all.join("go.sh");
    let expected = format!(
        "would rebuild image a\n  - run: {script}\n  + run: {script} (with other content)\nwould rebuild image b\n  - kernel_parameters: quiet\nwould leave image c: nothing has changed\n"
    );
    assert_eq!(planned, expected);
    assert_eq!(
        steps(&dry(&json).expect_done()),
        wanted(&[("a", "rebuild"), ("b", "rebuild"), ("c", "leave")])
    );
    let held = small.run(&["apply", all.as_str(), "--hold"]).expect_done();
    assert!(held.stderr.contains("release a@2"), "{held}");
    assert_eq!(motd(&small, "a"), "one");
    // What waits is made from this definition already.
    let again = small.run(&json).expect_done();
    assert_eq!(steps(&again), wanted(&[("a", "leave"), ("b", "leave"), ("c", "leave")]));
    let _ = small.run(&["release", "a"]).expect_done();
    assert_eq!(motd(&small, "a"), "two");
    let _ = small.run(&apply).expect_done();
    let _ = small.run(&["verify"]).expect_done();
}

#[test]
fn apply_does_nothing_while_a_file_is_wrong_and_goes_on_when_an_image_fails() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let all = git(&small);
    let apply = ["apply", all.as_str()];
    std::fs::create_dir_all(&all).unwrap();
    small.refused(&apply, 2, "there is no definition in");
    define(&small, "a", &tree(&small), "");
    let twice = all.join("twice.yaml");
    put(&twice, format!("name: a\nimage_class: LivenetImage\nkernel: {KERNEL}\n").as_bytes(), 0o644);
    small.refused(&apply, 2, "describe one image, a");
    put(&twice, b"image_data: {name: t, image_class: LivenetImage}\n", 0o644);
    small.refused(&apply, 2, "is a parameters file");
    std::fs::remove_file(&twice).unwrap();
    define(&small, "bad", "tree:/nowhere", "");
    define(&small, "worse", &tree(&small), "colour: red\n");
    for dry in [&[][..], &["--dry-run"]] {
        small.refused(&[&apply[..], dry].concat(), 2, "2 definitions cannot be used");
    }
    // One that fails at work: the others are made.
    put(&all.join("fails.sh"), b"exit 3\n", 0o644);
    define(&small, "bad", &tree(&small), "run: fails.sh\n");
    define(&small, "worse", &tree(&small), "");
    let _ = small.run(&apply).expect_code(1).expect_said("1 of 3 images");
    let names = small.run(&["--format", "json", "list"]).expect_done().json();
    let names: Vec<&str> =
        names["images"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "worse"]);
    put(&all.join("fails.sh"), b"exit 0\n", 0o644);
    let _ = small.run(&apply).expect_done().expect_said("created image bad");
    // Edits: each image by itself.
    edit(&small, "a", &[]);
    let _ = small.run(&apply).expect_done().expect_said("image a: nothing has changed");
    for name in ["a", "worse"] {
        define(&small, name, &tree(&small), "kernel_parameters: quiet\n");
    }
    let planned = small.run(&["apply", all.as_str(), "--dry-run"]).expect_code(5);
    assert!(
        planned.stdout.contains("not rebuild image a: ")
            && planned.stdout.contains("would rebuild image worse"),
        "{planned}"
    );
    let _ = small.run(&apply).expect_code(5).expect_said("a@2 came from exec");
    assert_eq!(states(&small, "worse"), listed(&[(2, "current"), (1, "older")]));
    assert_eq!(motd(&small, "a"), "by hand");
    let _ = small.run(&["apply", all.as_str(), "--discard-edits"]).expect_done();
    assert_eq!(motd(&small, "a"), "");
    let _ = small.run(&["verify"]).expect_done();
}

#[test]
fn apply_that_is_killed_between_two_images_is_finished_by_the_next_one() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let all = git(&small);
    let apply = ["apply", all.as_str()];
    let slow = |text: &str| put(&all.join("slow.sh"), text.as_bytes(), 0o644);
    define(&small, "a", &tree(&small), "");
    define(&small, "b", &tree(&small), "run: slow.sh\n");
    // The second one is being made, and then made again.
    for (status, versions) in [(None, 1), (Some("CREATED"), 2)] {
        slow("sleep 3600\n");
        let running = small.root.disklessset(&apply).start();
        let (running, _) = running.wait_until(|| small.root.tool_at_work("sleep"));
        let _ = running.kill_nine();
        assert_eq!(states(&small, "a").len(), versions, "the first one is whole");
        let _ = small.run(&["clean", "--yes"]).expect_done();
        assert_eq!(small.root.status("b").as_deref(), status);
        let _ = small.run(&["verify"]).expect_done();
        slow(&format!("echo {versions} >/etc/motd\n"));
        let _ = small.run(&apply).expect_done().expect_said("image a: nothing has changed");
        assert_eq!(motd(&small, "b"), versions.to_string());
        assert_eq!(states(&small, "b").len(), versions);
        let _ = small.run(&apply).expect_done().expect_said("image b: nothing has changed");
        define(&small, "a", &tree(&small), "kernel_parameters: quiet\n");
    }
    Snapshot::assert_nothing_held(&small.root);
}
