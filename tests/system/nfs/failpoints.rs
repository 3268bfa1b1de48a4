//! Given `kill -9` at the steps of adding and removing nodes: those that are finished stay, those that are not go, and the kill decides
//! it for no other than the one that was being worked on.

use std::collections::BTreeSet;

use disklessset_tests::facts::files_below;
use disklessset_tests::failpoints::{self, Step};
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run;
use disklessset_tests::stage::{Stage, listed_unchanged};
use disklessset_tests::strace::{self, Lasting};

use super::{Nfs, crash, overlay_crash};
use crate::system::failpoints::{Tally, chosen, killed};

/// A change of the nodes of image `g`.
struct Change<'a> {
    name: &'a str,
    command: &'a [&'a str],
    before: &'a [&'a str],
    after: &'a [&'a str],
    /// Those that come or go, in this order, one at each step that says a directory of that kind is in its place.
    one_by_one: &'a [&'a str],
    place: &'a str,
}

impl Change<'_> {
    /// Whether a node has come or gone by this step.
    fn is_done_at(&self, step: &Step, node: &str) -> bool {
        let there = format!("/{}/{node} is there now", self.place);
        step.name == "module: says what it does" && step.what.ends_with(&there)
    }

    /// The nodes there are when it is killed after these steps and nothing unfinished stays.
    fn expected(&self, passed: &[Step]) -> Vec<String> {
        let done = |node: &&str| passed.iter().any(|step| self.is_done_at(step, node));
        let done: Vec<&str> = self.one_by_one.iter().copied().filter(done).collect();
        let mut nodes: BTreeSet<&str> = self.before.iter().copied().collect();
        for node in done {
            // What was there goes, what was not comes.
            if !nodes.remove(node) {
                nodes.insert(node);
            }
        }
        nodes.into_iter().map(str::to_owned).collect()
    }

    /// Kills at the steps. `begin` makes the world before, `nodes_when_idle` asserts that all is in order and tells which nodes there are.
    #[track_caller]
    fn kill(&self, nfs: &Nfs, begin: impl Fn(), nodes_when_idle: impl Fn(&str) -> Vec<String>) {
        begin();
        assert_eq!(nodes_when_idle("the beginning"), self.before);
        let (done, steps) = failpoints::record(&nfs.root, nfs.root.disklessset(self.command));
        let _ = done.expect_done();
        assert_eq!(nodes_when_idle("the end"), self.after);
        assert_eq!(self.expected(&steps), self.after, "the steps of the nodes are not all there");
        let middle = steps.len() / 2;
        let mut tally = Tally::default();
        for (count, number) in chosen(self.name, steps.len(), middle, 8).into_iter().enumerate() {
            tally.round(number, |tally| {
                begin();
                let (ended, passed) = failpoints::kill(&nfs.root, nfs.root.disklessset(self.command), number);
                let step = killed(&ended, &passed, &steps, number);
                tally.killed += 1;
                assert_eq!(listed_unchanged(&nfs.root)["g"], "CREATED", "after {step}");
                let expected = self.expected(&passed);
                if count % 2 == 0 {
                    let _ = nfs.run(&["clean", "--yes"]).expect_done();
                    assert_eq!(nodes_when_idle(&step.to_string()), expected, "after {step}");
                }
                let again = nfs.run(self.command);
                let again = if again.status.success() { again } else { again.expect_refusal(&[3]) };
                assert_eq!(nodes_when_idle(&step.to_string()), self.after, "repeated after {step}: {again}");
                // With some of the nodes it is as neither of the two.
                tally.before += usize::from(expected == self.before);
                tally.after += usize::from(expected == self.after);
            });
        }
        tally.report(self.name, steps.len());
    }

    /// With trees of their own.
    #[track_caller]
    fn of_trees(&self) {
        let nfs = Nfs::with_golden();
        if !self.before.is_empty() {
            nfs.done(&["nfs", "nodes", "add", "g", &self.before.join(",")]);
        }
        nfs.done(&["nfs", "export", "g", "--per-node"]);
        let stage = Stage::of(&nfs.root);
        let whole: BTreeSet<_> = files_below(&nfs.golden("g").join("image")).unwrap().into_keys().collect();
        self.kill(&nfs, || stage.restore(), |point| agreeing(&nfs, &whole, point));
    }

    /// With overlays, which no saved root can hold.
    #[track_caller]
    fn of_overlays(&self) {
        let nfs = Nfs::for_overlays();
        nfs.done(&["nfs", "export", "g", "--per-node"]);
        let bare = Snapshot::of(&nfs.root);
        let begin = || {
            let all = nfs.nodes("g").join(",");
            if !all.is_empty() {
                nfs.done(&["nfs", "nodes", "remove", "g", &all, "--yes"]);
            }
            bare.assert_same_as_now(&nfs.root);
            if !self.before.is_empty() {
                nfs.add_overlays(&self.before.join(","));
            }
        };
        self.kill(&nfs, begin, |point| overlay_crash::nodes_when_idle(&nfs, point));
        nfs.done(&["remove", "g", "--yes"]);
    }
}

const ADD: Change = Change {
    name: "nfs nodes add",
    command: &["nfs", "nodes", "add", "g", "c[1-3]"],
    before: &[],
    after: &["c1", "c2", "c3"],
    one_by_one: &["c1", "c2", "c3"],
    place: "nodes",
};
const REMOVE: Change = Change {
    name: "nfs nodes remove",
    command: &["nfs", "nodes", "remove", "g", "c[2-3]", "--yes"],
    before: &["c1", "c2", "c3"],
    after: &["c1"],
    one_by_one: &["c2", "c3"],
    place: ".retired",
};

#[test]
fn nodes_are_added() {
    need!(need::root());
    ADD.of_trees();
}

#[test]
fn nodes_are_removed() {
    need!(need::root());
    REMOVE.of_trees();
}

#[test]
fn overlays_are_added() {
    need!(need::root());
    let command = &["nfs", "nodes", "add", "g", "c[1-3]", "--method", "overlay"];
    Change { name: "nfs nodes add, overlays", command, place: "overlays", ..ADD }.of_overlays();
}

#[test]
fn overlays_are_removed() {
    need!(need::root());
    Change { name: "nfs nodes remove, overlays", ..REMOVE }.of_overlays();
}

/// What has to agree with what is on disk: the attribute, and the exports.
#[track_caller]
fn agreeing(nfs: &Nfs, whole: &BTreeSet<std::path::PathBuf>, point: &str) -> Vec<String> {
    let nodes = crash::nodes_when_idle(nfs, whole, point);
    let lines = nfs.run(&["nfs", "exports"]).expect_done().stdout;
    let exported = lines.lines().filter_map(|line| line.split(' ').next()?.rsplit('/').next());
    let exported: BTreeSet<_> = exported.map(str::to_owned).collect();
    assert_eq!(exported, nodes.iter().cloned().collect(), "exported after {point}");
    nodes
}

/// The class has its turn all the same, and hears of the action that was under way first.
#[test]
fn the_cleaning_of_half_added_nodes_is_killed_too() {
    need!(need::full(), need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "export", "g", "--per-node"]);
    let whole: BTreeSet<_> = files_below(&nfs.golden("g").join("image")).unwrap().into_keys().collect();
    let stage = Stage::of(&nfs.root);
    let (_, steps) = failpoints::record(&nfs.root, nfs.root.disklessset(ADD.command));
    let first = steps.iter().find(|step| ADD.is_done_at(step, "c1")).unwrap().number;
    // Anew each time: a copy of what is half done would have other inodes than those on record.
    let begin = || {
        stage.restore();
        let _ = failpoints::kill(&nfs.root, nfs.root.disklessset(ADD.command), first);
    };
    begin();
    let clean = || nfs.root.disklessset(&["clean", "--yes"]);
    let said = "nodes add was interrupted; it has now 1 nodes: c1";
    let (done, steps) = failpoints::record(&nfs.root, clean());
    let _ = done.expect_done().expect_said(said);
    assert_eq!(agreeing(&nfs, &whole, "the end"), ["c1"]);
    let mut tally = Tally::default();
    for number in chosen("clean, nfs nodes add", steps.len(), steps.len() / 2, 20) {
        tally.round(number, |tally| {
            begin();
            let (ended, passed) = failpoints::kill(&nfs.root, clean(), number);
            let step = killed(&ended, &passed, &steps, number);
            tally.killed += 1;
            let listed = nfs.root.images();
            let image = listed.iter().find(|image| image["name"] == "g").unwrap();
            assert_eq!(image["status"], "CREATED", "after {step}");
            let at_its_end = image["activity"].is_null();
            let next = nfs.run(&["clean", "--yes"]).expect_done();
            assert_eq!(agreeing(&nfs, &whole, &step.to_string()), ["c1"], "after {step}: {next}");
            for line in next.stdout.lines().chain(next.stderr.lines()) {
                let named = !line.contains("was interrupted") || line.contains(said);
                assert!(named, "another action than the one that was, after {step}: {line}");
            }
            assert!(nfs.root.images().iter().all(|image| image["activity"].is_null()), "after {step}");
            tally.before += usize::from(!at_its_end);
            tally.after += usize::from(at_its_end);
        });
    }
    tally.report("clean, nfs nodes add", steps.len());
}

/// An addition that fails half way keeps what it finished; killed while it makes the record agree, it comes to that all the same.
#[test]
fn a_failed_addition_of_nodes_is_killed() {
    need!(need::root());
    need!(need::tool("strace"));
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "export", "g", "--per-node"]);
    let whole: BTreeSet<_> = files_below(&nfs.golden("g").join("image")).unwrap().into_keys().collect();
    let stage = Stage::of(&nfs.root);
    let add = || nfs.root.disklessset(ADD.command).by(run::disklessset_with_failpoints());
    let (_, calls) = strace::record_own(&nfs.root, add());
    let of_second = |call: &&strace::Call| call.name.starts_with("rename") && call.line.contains("/nodes/c2");
    let second = calls.iter().find(of_second).expect("the second node comes by a rename");
    let failing = || strace::failing_at(add(), second, "EIO", Lasting::Once);
    stage.restore();
    let (failed, steps) = failpoints::record(&nfs.root, failing());
    let _ = failed.expect_code(1).expect_said("nodes add was interrupted; it has now 1 nodes: c1");
    assert_eq!(agreeing(&nfs, &whole, "the failure"), ["c1"]);
    let first = steps.iter().find(|step| ADD.is_done_at(step, "c1")).unwrap().number;
    let mut tally = Tally::default();
    let name = "nfs nodes add, failing";
    for number in chosen(name, steps.len(), steps.len() - 1, 20).into_iter().filter(|number| *number >= first)
    {
        tally.round(number, |tally| {
            stage.restore();
            let (ended, passed) = failpoints::kill(&nfs.root, failing(), number);
            let step = killed(&ended, &passed, &steps, number);
            tally.killed += 1;
            let next = nfs.run(&["clean", "--yes"]).expect_done();
            assert_eq!(agreeing(&nfs, &whole, &step.to_string()), ["c1"], "after {step}: {next}");
            assert!(nfs.root.images().iter().all(|image| image["activity"].is_null()), "after {step}");
            tally.after += 1;
        });
    }
    tally.report(name, steps.len());
}

/// What is out of service is removed to its end, however often its removal and the cleaning after it are killed.
#[test]
fn the_cleaning_of_a_half_removed_image_is_killed_too() {
    need!(need::full(), need::root());
    let nfs = Nfs::with_golden();
    std::fs::create_dir_all(nfs.root.path().join("etc/exports.d")).unwrap();
    let bare = Snapshot::of(&nfs.root);
    nfs.done(&["clone", "g", "h"]);
    nfs.done(&["nfs", "nodes", "add", "h", "c[1-2]"]);
    nfs.done(&["nfs", "export", "h", "--per-node"]);
    let stage = Stage::of(&nfs.root);
    let remove = || nfs.root.disklessset(&["remove", "h", "--yes"]);
    let (done, steps) = failpoints::record(&nfs.root, remove());
    let _ = done.expect_done();
    bare.assert_same_as_now(&nfs.root);
    let retired = |step: &&Step| step.what.contains(".trash-h-");
    let turn = steps.iter().filter(retired).nth(3).expect("it goes out of service by a rename").number;
    let begin = || {
        stage.restore();
        let _ = failpoints::kill(&nfs.root, remove(), turn);
        assert!(!nfs.root.image_dir("h").exists());
    };
    begin();
    // What somebody has mounted in it is in the way, and goes on being the reason.
    let clean = || nfs.root.disklessset(&["clean", "--yes"]);
    let (tree, target) = (nfs.tree.as_str(), nfs.node("h", "c1").join("srv"));
    let _ = nfs.root.tool("mount", &["--bind", tree, target.as_str()]).run().expect_done();
    for _ in 0..2 {
        let _ = clean().run().expect_refusal(&[1, 5]).expect_said(&format!("still mounted at {target}"));
    }
    let _ = nfs.root.tool("umount", &[target.as_str()]).run().expect_done();
    let _ = clean().run().expect_done();
    bare.assert_same_as_now(&nfs.root);
    begin();
    let (done, steps) = failpoints::record(&nfs.root, clean());
    let _ = done.expect_done().expect_said("cleaned");
    bare.assert_same_as_now(&nfs.root);
    let mut tally = Tally::default();
    let name = "clean, nfs remove";
    for number in chosen(name, steps.len(), steps.len() / 2, 20) {
        tally.round(number, |tally| {
            begin();
            let (ended, passed) = failpoints::kill(&nfs.root, clean(), number);
            let step = killed(&ended, &passed, &steps, number);
            tally.killed += 1;
            let next = nfs.run(&["clean", "--yes"]).expect_done();
            let differences = bare.differences(&Snapshot::of(&nfs.root));
            assert!(differences.is_empty(), "left after {step}:\n{differences}{next}");
            tally.after += 1;
        });
    }
    tally.report(name, steps.len());
}
