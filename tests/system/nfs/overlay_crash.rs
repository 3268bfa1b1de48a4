//! Given `kill -9` while overlays are made and taken away.

use disklessset_tests::kill_table;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::strace;

use super::Nfs;

/// What must hold whenever nobody is at work: what is listed is mounted, and will be after a reboot, and nothing else is there.
#[track_caller]
pub(super) fn nodes_when_idle(nfs: &Nfs, point: &str) -> Vec<String> {
    let mut nodes = nfs.nodes("g");
    nodes.sort();
    assert_eq!((&nfs.mounted(), &nfs.wanted()), (&nodes, &nodes), "after {point}");
    let names = |directory: &str| -> Vec<String> {
        let Ok(entries) = nfs.golden("g").join(directory).read_dir_utf8() else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!((names("overlays"), names("nodes")), (nodes.clone(), nodes.clone()), "after {point}");
    let mut all = vec!["image".to_owned(), "nodes".to_owned()];
    all.extend((!nodes.is_empty()).then(|| "overlays".to_owned()));
    assert_eq!(names(""), all, "after {point}");
    let units = nfs.root.path().join("etc/systemd/system").read_dir_utf8().unwrap();
    assert_eq!(units.count(), nodes.len() + 1, "after {point}");
    let lines = nfs.run(&["nfs", "exports"]).expect_done().stdout;
    let exported: Vec<_> =
        lines.lines().filter_map(|line| line.split(' ').next()?.rsplit('/').next()).collect();
    assert_eq!(exported.len(), nodes.len(), "after {point}: {exported:?}");
    nodes
}

/// Kills a change of nodes at many points; finished ones stay, unfinished ones go, the same command again comes to the end.
#[track_caller]
fn kill_a_change(command: &[&str], before: &str, after: &[&str]) {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let nfs = Nfs::for_overlays();
    nfs.done(&["nfs", "export", "g", "--per-node"]);
    let bare = Snapshot::of(&nfs.root);
    let begin = || {
        if !before.is_empty() {
            nfs.add_overlays(before);
        }
        nodes_when_idle(&nfs, "the beginning")
    };
    let at_first = begin();
    let (done, points) = strace::record(&nfs.root, nfs.root.disklessset(command));
    let _ = done.expect_done();
    assert_eq!(nodes_when_idle(&nfs, "the end"), after);
    let every = if std::env::var(need::FULL).is_ok_and(|full| full == "1") { 7 } else { 41 };
    // Where a node comes or goes: all of them.
    let chosen = |(number, call): &(usize, &strace::Call)| {
        number % every == 3
            || ["mount", "umount2"].contains(&call.name.as_str())
            || call.line.contains("nodes/c3")
    };
    let (mut partly, mut killed, mut back, mut missed) = (0, 0, 0, 0);
    for (number, point) in points.iter().enumerate().filter(chosen) {
        let all = nfs.nodes("g").join(",");
        if !all.is_empty() {
            nfs.done(&["nfs", "nodes", "remove", "g", &all, "--yes"]);
        }
        bare.assert_same_as_now(&nfs.root);
        begin();
        let ended = strace::killed_at(nfs.root.disklessset(command), point).run();
        if ended.status.success() {
            // How many nodes are done at once depends on how long they take, and so do the calls.
            missed += 1;
            assert_eq!(nodes_when_idle(&nfs, &point.to_string()), after, "{point} was not reached");
            continue;
        }
        killed += 1;
        if number % 2 == 0 {
            let _ = nfs.run(&["clean", "--yes"]).expect_done();
            let nodes = nodes_when_idle(&nfs, &point.to_string());
            partly += usize::from(nodes != at_first && nodes != after);
            back += usize::from(nodes == at_first);
        }
        let again = nfs.run(command);
        let again = if again.status.success() { again } else { again.expect_refusal(&[3]) };
        assert_eq!(nodes_when_idle(&nfs, &point.to_string()), after, "repeated after {point}: {again}");
    }
    nfs.done(&["remove", "g", "--yes"]);
    assert!(killed > 5, "only {killed} of {} points", points.len());
    assert!(partly > 0, "never in the middle: {killed} kills");
    assert!(missed < killed, "{missed} of {} points were not reached", killed + missed);
    // Some were led to a part of the nodes, which is neither.
    let on = killed - back - partly;
    kill_table::add(&command.join(" "), "system calls", points.len(), killed, back, on);
}

#[test]
fn overlays_being_added() {
    let add = ["nfs", "nodes", "add", "g", "c[1-4]", "--method", "overlay"];
    kill_a_change(&add, "", &["c1", "c2", "c3", "c4"]);
}

#[test]
fn overlays_being_removed() {
    kill_a_change(&["nfs", "nodes", "remove", "g", "c[2-4]", "--yes"], "c[1-4]", &["c1"]);
}

#[test]
fn a_removal_that_is_killed_is_undone_or_finished_and_without_the_module_too() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let nfs = Nfs::for_overlays();
    nfs.done(&["remove", "g", "--yes"]);
    let bare = Snapshot::of(&nfs.root);
    let make = || {
        nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
        nfs.done(&["nfs", "export", "g", "--per-node"]);
        nfs.add_overlays("c[1-3]");
    };
    make();
    let remove = || nfs.root.disklessset(&["remove", "g", "--yes"]);
    let (done, points) = strace::record(&nfs.root, remove());
    let _ = done.expect_done();
    bare.assert_same_as_now(&nfs.root);
    let (mut back, mut gone) = (0, 0);
    let umounts: Vec<usize> =
        (0..points.len()).filter(|at| points[*at].name == "umount2").flat_map(|at| [at, at + 2]).collect();
    let last = umounts.last().copied().unwrap();
    let chosen = umounts.into_iter().chain((last..points.len()).filter(|at| at % 47 == 3));
    for (number, at) in chosen.enumerate() {
        make();
        let ended = strace::killed_at(remove(), &points[at]).run();
        assert!(!ended.status.success(), "{} was not reached", points[at]);
        let module = number % 2 == 0;
        if !module {
            nfs.root.take_out("nfs");
        }
        let _ = nfs.run(&["clean", "--yes"]).expect_done();
        if nfs.root.status("g").is_some() {
            back += 1;
            if module {
                assert_eq!(nodes_when_idle(&nfs, &points[at].to_string()), ["c1", "c2", "c3"]);
            }
            nfs.done(&["clear", "g", "--yes"]);
        } else {
            gone += 1;
        }
        if !module {
            nfs.root.drop_in("nfs");
        }
        bare.assert_same_as_now(&nfs.root);
    }
    assert!(back > 0 && gone > 0, "{back} back, {gone} gone");
    kill_table::add("remove with overlays", "system calls", points.len(), back + gone, back, gone);
}

#[test]
fn finished_overlays_stay_when_the_user_interrupts() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::for_overlays();
    nfs.done(&["nfs", "export", "g", "--per-node"]);
    let bare = Snapshot::of(&nfs.root);
    let add = ["nfs", "nodes", "add", "g", "c[1-2000]", "--method", "overlay"];
    let adding = nfs.root.disklessset(&add).limit(std::time::Duration::from_secs(120));
    let (adding, ()) = adding.start().wait_until(|| nfs.upper("c4").exists().then_some(()));
    adding.signal(nix::sys::signal::Signal::SIGINT);
    let ended = adding.wait().expect_code(130);
    let nodes = nodes_when_idle(&nfs, "SIGINT");
    assert!(nodes.len() >= 3 && nodes.len() < 2000, "{} nodes: {ended}", nodes.len());
    let all = format!("c[1-{}]", nodes.len());
    assert_eq!(nfs.attribute("g", "nodes"), all.as_str());
    nfs.done(&["nfs", "nodes", "remove", "g", &all, "--yes"]);
    bare.assert_same_as_now(&nfs.root);
}
