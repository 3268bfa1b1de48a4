//! Given `kill -9` while trees are made, put into place, taken away, exported.

use std::collections::BTreeSet;

use disklessset_tests::facts::files_below;
use disklessset_tests::failpoints;
use disklessset_tests::kill_table;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, listed_unchanged};
use disklessset_tests::strace;

use super::Nfs;
use crate::system::kill_points::{Case, Does, kill_at, sample};
use crate::system::small::{KERNEL, kernels, make_tree, register_kernel};

/// A directory of trees is closed to other users.
pub(in crate::system) fn closed(directory: &camino::Utf8Path) {
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
}

pub(in crate::system) fn a_tree(root: &TestRoot) {
    make_tree(root, &root.beside().join("tree"));
    std::fs::create_dir_all(kernels(root)).unwrap();
    register_kernel(root, KERNEL);
    // What stands once there was an image.
    let places = root.path().join("diskless/images/nfsimages");
    for place in ["staging", "golden"] {
        std::fs::create_dir_all(places.join(place)).unwrap();
        closed(&places.join(place));
    }
}

pub(in crate::system) fn a_staging_image(root: &TestRoot) {
    a_tree(root);
    let _ = root.disklessset(STAGING.command).run().expect_done();
}

pub(in crate::system) fn a_golden_image(root: &TestRoot) {
    a_staging_image(root);
    let _ = root.disklessset(GOLDEN.command).run().expect_done();
    let _ = root.disklessset(&["nfs", "nodes", "add", "g", "c[1-2]"]).run().expect_done();
    std::fs::create_dir_all(root.path().join("etc/exports.d")).unwrap();
}

pub(in crate::system) fn an_exported_image(root: &TestRoot) {
    a_golden_image(root);
    let _ = root.disklessset(EXPORT.command).run().expect_done();
    // Another line, so that the file stays.
    let _ = root.disklessset(&["nfs", "export", "st", "--client", "*"]).run().expect_done();
}

const NFS: &[&str] = &["nfs"];
pub(in crate::system) const STAGING: Case = Case {
    modules: NFS,
    command: &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", "tree:tree"],
    image: "st",
    does: Does::Make,
    prepare: a_tree,
};
pub(in crate::system) const GOLDEN: Case = Case {
    modules: NFS,
    command: &["nfs", "create-golden", "g", "--from", "st"],
    image: "g",
    does: Does::Make,
    prepare: a_staging_image,
};
pub(in crate::system) const CLONE: Case = Case {
    modules: NFS,
    command: &["clone", "g", "h"],
    image: "h",
    does: Does::Make,
    prepare: a_golden_image,
};
pub(in crate::system) const REMOVE: Case = Case {
    modules: NFS,
    command: &["remove", "g", "--yes"],
    image: "g",
    does: Does::Remove,
    prepare: an_exported_image,
};
pub(in crate::system) const EXPORT: Case = Case {
    modules: NFS,
    command: &["nfs", "export", "g", "--per-node"],
    image: "g",
    does: Does::Change,
    prepare: a_golden_image,
};

/// Each at a sample of its points, and with `--full` at many more.
macro_rules! actions {
    ($($name:ident: $case:ident;)+) => {$(
        #[test]
        fn $name() {
            disklessset_tests::need!(need::root());
            // A tree is some hundred calls that are all alike.
            let every = if std::env::var(need::FULL).is_ok_and(|full| full == "1") { 7 } else { 43 };
            kill_at(&$case, |number| number % every == 3);
        }
    )+};
}

actions! {
    a_creation_of_a_staging_image: STAGING;
    a_creation_of_a_golden_image: GOLDEN;
    a_clone_with_its_nodes: CLONE;
}

#[test]
fn a_removal_with_nodes_and_exports() {
    disklessset_tests::need!(need::root());
    kill_at(&REMOVE, |number| number % 17 == 3);
}

#[test]
fn an_export_of_each_node() {
    disklessset_tests::need!(need::root());
    sample(&EXPORT);
}

/// What must hold whenever nobody is at work: every tree is whole, nothing unfinished lies about, and the record agrees.
#[track_caller]
pub(super) fn nodes_when_idle(nfs: &Nfs, whole: &BTreeSet<std::path::PathBuf>, point: &str) -> Vec<String> {
    let nodes = nfs.nodes("g");
    for node in &nodes {
        let files: BTreeSet<_> = files_below(&nfs.node("g", node)).unwrap().into_keys().collect();
        assert_eq!(&files, whole, "the tree of {node} is not whole after {point}");
    }
    let entries = nfs.golden("g").read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned());
    assert_eq!(entries.collect::<BTreeSet<_>>(), BTreeSet::from(["image".to_owned(), "nodes".to_owned()]));
    let there = nfs.golden("g").join("nodes").read_dir_utf8().unwrap();
    let there: BTreeSet<_> = there.map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert_eq!(there, nodes.iter().cloned().collect(), "after {point}");
    let recorded = nfs.attribute("g", "nodes");
    let counted = match nodes.len() {
        0 => String::new(),
        1 => nodes[0].clone(),
        _ => format!("c[{}]", ranges(&nodes)),
    };
    assert_eq!(recorded, counted.as_str(), "after {point}");
    nodes
}

/// `1-3,5` of `c1 c2 c3 c5`.
fn ranges(nodes: &[String]) -> String {
    let numbers: Vec<u32> = nodes.iter().map(|node| node[1..].parse().unwrap()).collect();
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let part = |(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}

/// Kills a change of nodes at many points; finished trees stay, unfinished ones go, the same command again comes to the end.
#[track_caller]
fn kill_a_change_of_nodes(command: &[&str], before: &[&str], after: &[&str]) {
    disklessset_tests::need!(need::root());
    disklessset_tests::need!(need::tool("strace"));
    let nfs = Nfs::with_golden();
    if !before.is_empty() {
        nfs.done(&["nfs", "nodes", "add", "g", &before.join(",")]);
    }
    let stage = Stage::of(&nfs.root);
    let whole: BTreeSet<_> = files_below(&nfs.golden("g").join("image")).unwrap().into_keys().collect();
    let (done, points) = strace::record(&nfs.root, nfs.root.disklessset(command));
    let _ = done.expect_done();
    assert_eq!(nodes_when_idle(&nfs, &whole, "the end"), after);
    let every = if std::env::var(need::FULL).is_ok_and(|full| full == "1") { 5 } else { 29 };
    // Renames are where a node comes or goes: all of them.
    let chosen =
        |(number, call): &(usize, &strace::Call)| number % every == 3 || call.name.starts_with("rename");
    let (mut partly, mut killed, mut back) = (0, 0, 0);
    for (number, point) in points.iter().enumerate().filter(chosen) {
        stage.restore();
        let ended = strace::killed_at(nfs.root.disklessset(command), point).run();
        if ended.status.success() {
            continue; // several threads copy, and this time it was another one's call
        }
        killed += 1;
        assert_eq!(listed_unchanged(&nfs.root)["g"], "CREATED", "after {point}");
        // After a rename always: some nodes are there then, and others not.
        if number % 2 == 0 || point.name.starts_with("rename") {
            let _ = nfs.run(&["clean", "--yes"]).expect_done();
            let nodes = nodes_when_idle(&nfs, &whole, &point.to_string());
            partly += usize::from(nodes != before && nodes != after);
            back += usize::from(nodes == before);
        }
        let again = nfs.run(command);
        let again = if again.status.success() { again } else { again.expect_refusal(&[3]) };
        let nodes = nodes_when_idle(&nfs, &whole, &point.to_string());
        assert_eq!(nodes, after, "repeated after {point}: {again}");
    }
    assert!(killed > 5, "only {killed} of {} points were reached", points.len());
    assert!(partly > 0, "never in the middle: {killed} kills");
    // Some were led to a part of the nodes, which is neither.
    let on = killed - back - partly;
    kill_table::add(&command.join(" "), "system calls", points.len(), killed, back, on);
}

#[test]
fn nodes_being_added() {
    disklessset_tests::need!(disklessset_tests::need::full());
    kill_a_change_of_nodes(&["nfs", "nodes", "add", "g", "c[1-4]"], &[], &["c1", "c2", "c3", "c4"]);
}

#[test]
fn nodes_being_removed() {
    let remove = ["nfs", "nodes", "remove", "g", "c[2-4]", "--yes"];
    kill_a_change_of_nodes(&remove, &["c1", "c2", "c3", "c4"], &["c1"]);
}

#[test]
fn the_next_run_says_which_nodes_there_are() {
    disklessset_tests::need!(need::root());
    disklessset_tests::need!(need::tool("strace"));
    let nfs = Nfs::with_golden();
    let stage = Stage::of(&nfs.root);
    let add = || nfs.root.disklessset(&["nfs", "nodes", "add", "g", "c[1-4]"]);
    let (_, points) = strace::record(&nfs.root, add());
    stage.restore();
    // The third tree's way into its place.
    let third = points
        .iter()
        .filter(|call| call.line.contains("nodes/c3"))
        .find(|call| call.name.starts_with("rename"));
    let _ = strace::killed_at(add(), third.expect("a rename")).run();
    let listed = nfs.run(&["list"]).expect_done().stdout;
    assert!(listed.contains("CREATED (nodes add interrupted)"), "{listed}");
    let next = nfs.run(&["nfs", "nodes", "add", "g", "x1"]).expect_done();
    let _ = next
        .expect_said("cleaned image g: an action on it had not come to its end")
        .expect_said("image g: nodes add was interrupted; it has now 2 nodes: c[1-2]");
    assert_eq!(nfs.nodes("g"), ["c1", "c2", "x1"]);
    stage.forget();
}

#[test]
fn finished_nodes_stay_when_the_user_interrupts() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    let adding = nfs
        .root
        .disklessset(&["nfs", "nodes", "add", "g", "c[1-2000]"])
        .limit(std::time::Duration::from_secs(120));
    let (adding, ()) = adding.start().wait_until(|| nfs.node("g", "c3").exists().then_some(()));
    adding.signal(nix::sys::signal::Signal::SIGINT);
    let ended = adding.wait().expect_code(130);
    let nodes = nfs.nodes("g");
    assert!(nodes.len() >= 3 && nodes.len() < 2000, "{} nodes: {ended}", nodes.len());
    let whole: BTreeSet<_> = files_below(&nfs.golden("g").join("image")).unwrap().into_keys().collect();
    nodes_when_idle(&nfs, &whole, "SIGINT");
}

#[test]
fn nodes_cleaned_without_the_module_are_settled_when_it_is_back() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    let stage = Stage::of(&nfs.root);
    let whole: BTreeSet<_> = files_below(&nfs.golden("g").join("image")).unwrap().into_keys().collect();
    let add = || nfs.root.disklessset(&["nfs", "nodes", "add", "g", "c[1-2]"]);
    let (_, steps) = failpoints::record(&nfs.root, add());
    let first = steps.iter().find(|step| step.what.ends_with("/nodes/c1 is there now")).unwrap().number;
    stage.restore();
    let _ = failpoints::kill(&nfs.root, add(), first);
    nfs.root.take_out("nfs");
    let interrupted = |when: &str| {
        let listed = nfs.root.images();
        let image = listed.iter().find(|image| image["name"] == "g").unwrap();
        assert_eq!(image["activity"]["action"], "nodes add", "{when}: {image}");
        assert_eq!(image["activity"]["state"], "interrupted", "{when}: {image}");
        let shown = nfs.run(&["show", "g", "--format", "json"]).expect_done().json();
        assert_eq!(shown["image"]["activity"], image["activity"], "{when}");
    };
    interrupted("killed");
    let cleaned = nfs.run(&["clean", "--yes"]).expect_done();
    let _ = cleaned.expect_said("when the module is back");
    interrupted("cleaned");
    // Nobody who has the module was there yet: it is said once, and nothing is done again and again.
    let _ = nfs.run(&["clean", "--yes"]).expect_done().expect_said("nothing to clean");
    interrupted("cleaned again");
    nfs.root.drop_in("nfs");
    interrupted("with the module");
    // Any command that changes something, on whatever image.
    let next = nfs.run(&["nfs", "export", "st", "--client", "*"]).expect_done();
    let said = format!("{}{}", next.stdout, next.stderr);
    assert!(said.contains("nodes add was interrupted; it has now 1 nodes: c1"), "{next}");
    assert_eq!(nodes_when_idle(&nfs, &whole, "the return of the module"), ["c1"]);
    let listed = nfs.root.images();
    assert!(listed.iter().all(|image| image["activity"].is_null()), "{listed:?}");
    // Gone for good with its image.
    let _ = failpoints::kill(&nfs.root, nfs.root.disklessset(&["nfs", "nodes", "add", "g", "c2"]), first);
    nfs.root.take_out("nfs");
    nfs.done(&["clean", "--yes"]);
    nfs.done(&["clear", "g", "--yes"]);
    nfs.root.drop_in("nfs");
    assert!(!nfs.root.path().join("var/lib/diskless/journal/g.jsonl").exists());
    let _ = nfs.run(&["clean", "--yes"]).expect_done();
}
