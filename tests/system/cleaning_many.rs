//! Many CORRUPTED images at once: what they cost together, and what a kill in the midst of their cleaning leaves.
#![allow(clippy::disallowed_methods, reason = "tests put state where the program finds it")]

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, warmed_up};
use disklessset_tests::{failpoints, need, strace};

/// Makes a crashed creation, and as many more as are wanted of it, which is quicker than to crash so often. Gives back their names.
fn corrupt(root: &TestRoot, count: usize) -> BTreeSet<String> {
    let _ = root.disklessset(&["demo", "create", "seed", "--crash"]).run();
    assert_eq!(root.status("seed").as_deref(), Some("CORRUPTED"));
    let state = root.path().join("var/lib/diskless");
    let journal = state.join("journal/seed.jsonl");
    let (lines, entry) =
        (fs::read_to_string(&journal).unwrap(), fs::read_to_string(root.installations_file()).unwrap());
    let made = named_seed(&root.path().join("var"));
    assert!(!made.is_empty() && lines.contains("seed"), "{lines}");
    let names: BTreeSet<String> = (0..count).map(|number| format!("many{number:04}")).collect();
    let mut entries = String::new();
    for name in &names {
        for directory in &made {
            let copy = directory.with_file_name(directory.file_name().unwrap().replace("seed", name));
            fs::create_dir(&copy).unwrap();
            fs::write(copy.join("file"), name).unwrap();
        }
        fs::write(journal.with_file_name(format!("{name}.jsonl")), lines.replace("seed", name)).unwrap();
        entries.push_str(&entry.replace("seed", name));
    }
    for directory in made {
        fs::remove_dir_all(directory).unwrap();
    }
    fs::remove_file(journal).unwrap();
    fs::write(root.installations_file(), entries).unwrap();
    assert_eq!(corrupted(root), names);
    names
}

/// The directories that have the name in theirs.
fn named_seed(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().unwrap().map(Result::unwrap) {
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        match entry.file_name().contains("seed") {
            true => found.push(entry.into_path()),
            false => found.extend(named_seed(entry.path())),
        }
    }
    found
}

fn corrupted(root: &TestRoot) -> BTreeSet<String> {
    let listed = root.images();
    let of = |image: &serde_json::Value| image["name"].as_str().unwrap().to_owned();
    assert!(listed.iter().all(|image| image["status"] == "CORRUPTED"), "{listed:?}");
    listed.iter().map(of).collect()
}

#[test]
fn images_that_are_cleaned_together_have_their_flushes_in_common() {
    need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    let clean = |count: usize, command: &[&str]| {
        let names = corrupt(&root, count);
        let (done, flushes) = strace::count(&root, root.disklessset(command), &strace::FLUSHES);
        let done = done.expect_done();
        for name in names {
            assert!(
                format!("{}{}", done.stdout, done.stderr).contains(&format!("cleaned image {name}")),
                "{done}"
            );
        }
        before.assert_same_as_now(&root);
        flushes
    };
    let (few, many) = (clean(4, &["clean", "--yes"]), clean(60, &["clean", "--yes"]));
    assert_eq!(few, many, "flushes for 4 images, and for 60");
    assert!(few < 10, "{few} flushes");
    // More than go at a time.
    let very_many = clean(140, &["clean", "--yes"]);
    assert_eq!(very_many, 3 * few, "flushes for 140 images");
}

#[test]
fn the_cleaning_before_another_command_has_its_flushes_in_common_too() {
    need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let flushes = |count: usize| {
        let _ = corrupt(&root, count);
        let create = ["demo", "create", "a"];
        let (done, flushes) = strace::count(&root, root.disklessset(&create), &strace::FLUSHES);
        let _ = done.expect_done().expect_said("cleaned image many0000");
        assert_eq!(root.images().len(), 1);
        let _ = root.disklessset(&["remove", "a", "--yes"]).run().expect_done();
        flushes
    };
    assert_eq!(flushes(3), flushes(40));
}

/// Killed at any step, each image is there or gone as a whole for who lists them, none is taken for a good one, and the next cleaning
/// comes to the end.
#[test]
fn a_cleaning_of_several_that_is_killed_is_gone_on_with() {
    let root = warmed_up(&["demo"]);
    let clean_before = Snapshot::of(&root);
    let names = corrupt(&root, 3);
    let stage = Stage::of(&root);
    let clean = || root.disklessset(&["clean", "--yes"]);
    let (done, steps) = failpoints::record(&root, clean());
    let _ = done.expect_done();
    clean_before.assert_same_as_now(&root);
    let every = if std::env::var(need::FULL).is_ok_and(|full| full == "1") { 1 } else { 3 };
    let mut left = BTreeSet::new();
    for step in steps.iter().step_by(every) {
        stage.restore();
        let (ended, _) = failpoints::kill(&root, clean(), step.number);
        assert!(!ended.status.success(), "{step} was not reached");
        let now = corrupted(&root);
        assert!(now.is_subset(&names), "{now:?} after {step}");
        left.insert(now.len());
        let _ = clean().run().expect_done();
        clean_before.assert_same_as_now(&root);
    }
    // All go off the register together.
    assert_eq!(left, BTreeSet::from([0, 3]));
    stage.forget();
}
