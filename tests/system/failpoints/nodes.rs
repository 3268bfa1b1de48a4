//! Changes of nodes and pools: a node that boots at that moment gets a file of before or of after, and one that leads somewhere.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::failpoints;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, warmed_up};

use super::{Tally, Turn, chosen, killed};

/// The boot files by their paths.
fn boot_files(root: &TestRoot) -> BTreeMap<Utf8PathBuf, String> {
    fn below(directory: &Utf8Path, found: &mut BTreeMap<Utf8PathBuf, String>) {
        for entry in directory.read_dir_utf8().into_iter().flatten().map(Result::unwrap) {
            let path = entry.path().to_owned();
            match entry.file_type().unwrap().is_dir() {
                true => below(&path, found),
                false if path.extension() == Some("ipxe") => {
                    let text = std::fs::read_to_string(&path).unwrap();
                    found.insert(path, text);
                }
                false => {}
            }
        }
    }
    let mut found = BTreeMap::new();
    below(&root.image_dir("x").join("../../boot"), &mut found);
    found
}

/// Each file is whole, and what it leads to is there.
#[track_caller]
fn look(
    now: &BTreeMap<Utf8PathBuf, String>,
    ages: [&BTreeMap<Utf8PathBuf, String>; 2],
    step: &failpoints::Step,
) {
    for (path, text) in now {
        assert!(
            ages.iter().any(|age| age.get(path) == Some(text)),
            "{path} is of no age after {step}: {text}"
        );
        let pool = text.lines().find_map(|line| line.split_once("/boot/pool/")?.1.split_once(" ||"));
        let Some((pool, _)) = pool.filter(|_| !path.ends_with("entry.ipxe")) else { continue };
        let there = now.keys().any(|path| path.ends_with(Utf8Path::new("pool").join(pool)));
        assert!(there, "{path} leads to {pool}, which is not there, after {step}");
    }
}

fn kill(name: &str, command: &[&str], prepare: &[&[&str]]) {
    need!(need::root());
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let _ = root.disklessset(&["demo", "message", "a", "new"]).run().expect_done();
    prepare.iter().for_each(|words| drop(root.disklessset(words).run().expect_done()));
    let stage = Stage::of(&root);
    let (before, old) = (Snapshot::of(&root), boot_files(&root));
    let (unharmed, steps) = failpoints::record(&root, root.disklessset(command));
    let _ = unharmed.expect_done();
    let (after, new) = (Snapshot::of(&root), boot_files(&root));
    // On record is in service: from there on it is carried to its end.
    let turn = Turn::First("nodes: on record", "").among(&steps);
    let mut tally = Tally::default();
    for (count, number) in chosen(name, steps.len(), turn, 8).into_iter().enumerate() {
        tally.round(number, |tally| {
            stage.restore();
            let (ended, passed) = failpoints::kill(&root, root.disklessset(command), number);
            let step = killed(&ended, &passed, &steps, number);
            tally.killed += 1;
            look(&boot_files(&root), [&old, &new], step);
            // The record is the new one as soon as it has its name, a step before that is told.
            let changed = steps[..number]
                .iter()
                .any(|step| step.name == "file aside: in its place" && step.what.contains("nodes.yml"));
            let ended = match count % 3 {
                0 => root.disklessset(&["clean"]).run(),
                1 => root.disklessset(&["demo", "create", "another"]).run(),
                _ => root.disklessset(command).run(),
            };
            // Nodes that are gone cannot be removed once more.
            let _ = if ended.status.success() { ended } else { ended.expect_refusal(&[3]) };
            if count % 3 == 1 {
                let _ = root.disklessset(&["remove", "another", "--yes"]).run().expect_done();
            }
            let is_after = changed || count % 3 == 2;
            let wanted = if is_after { &after } else { &before };
            let differences = wanted.differences(&Snapshot::of(&root));
            let logs = |line: &&str| !line.contains("another");
            let differences: Vec<&str> = differences.lines().filter(logs).collect();
            assert!(differences.is_empty(), "after {step}:\n{}", differences.join("\n"));
            *(if is_after { &mut tally.after } else { &mut tally.before }) += 1;
        });
    }
    tally.report(name, steps.len());
}

#[test]
fn nodes_that_are_set_for_the_first_time() {
    kill("node set, the first", &["node", "set", "c[1-3]", "--kernel-parameters", "quiet"], &[]);
}

#[test]
fn nodes_that_move_to_a_new_pool() {
    let make: &[&[&str]] = &[&["pool", "set", "old", "--image", "a", "--nodes", "c[1-2]"]];
    kill("pool set", &["pool", "set", "new", "--image", "a@1", "--nodes", "c[1-2]"], make);
}

#[test]
fn nodes_that_are_removed() {
    let make: &[&[&str]] = &[&["pool", "set", "old", "--image", "a", "--nodes", "c[1-2]"]];
    kill("node remove", &["--yes", "node", "remove", "c1"], make);
}
