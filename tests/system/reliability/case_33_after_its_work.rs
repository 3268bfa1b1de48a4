//! Given a tool that is killed, that fails, or during which a stop is asked for, *after* it did its work: all is as if it had not, nothing is
//! stuck, and the same command comes to its end.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeSet;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::{Outcome, Program};
use disklessset_tests::strace;
use nix::sys::signal::{Signal, kill};

use super::case_08_signals::program;
use super::case_10_tools::{USES, Use, World, finish, meet, meets};
use super::tools::Fault;
use crate::system::small::{Small, kernels};

/// How a tool ends that has done its work: it fails, or somebody kills it.
pub(super) const ENDS: [&str; 2] = ["echo \"$0: broken on purpose\" >&2; exit 1", "kill -9 $$"];

/// Package managers have nothing to install from: what they do is to fill a directory.
fn is_manager(used: &Use) -> bool {
    ["mmdebstrap", "dnf"].contains(&used.tool)
}

fn with_end(used: &Use, end: &str) -> (bool, String) {
    if is_manager(used) { (true, format!("{}\n{end}", used.half)) } else { (false, end.to_owned()) }
}

fn fault((manager, script): &(bool, String)) -> Fault<'_> {
    if *manager { Fault::StopsHalfWay(script) } else { Fault::AfterItsWork(script) }
}

/// Each tool once, or with `--full` each use of each.
fn uses() -> impl Iterator<Item = &'static Use> {
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    let mut met = BTreeSet::new();
    USES.iter().filter(move |used| full || met.insert(used.tool))
}

#[test]
fn case_33_tools_that_fail_or_are_killed_after_their_work() {
    disklessset_tests::need!(need::root(), need::tool("dracut"), need::tool("mmdebstrap"), need::tool("dnf"));
    let world = World::new();
    for used in uses() {
        for end in ENDS {
            meet(&world, used, fault(&with_end(used, end)));
        }
    }
    finish(&world);
}

#[test]
fn case_33_a_stop_is_asked_for_when_a_tool_has_done_its_work() {
    disklessset_tests::need!(need::root(), need::tool("dracut"), need::tool("mmdebstrap"), need::tool("dnf"));
    let world = World::new();
    let done = world.small.root.beside().join("has-done-its-work");
    // Who makes something public sees nothing of the server, but for the directory of what it makes.
    let waits = format!(
        "touch '{done}' || while [ $# -gt 0 ]; do [ \"$1\" = --tmpdir ] && touch \"$2/has-done-its-work\"; shift; done; sleep 60"
    );
    // A package manager writes to its tree alone.
    let in_tree = "touch \"$dir/has-done-its-work\"; sleep 60";
    let trees = world.small.root.path().join("var/tmp/diskless/workdir");
    let stops = [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)];
    for (number, used) in uses().enumerate() {
        let (signal, code) = stops[number % stops.len()];
        let asked = |slow: Program| -> Outcome {
            let beside_its_work = || {
                let temporaries = kernels(&world.small.root).read_dir_utf8().unwrap().flatten();
                temporaries.into_iter().any(|aside| aside.path().join("has-done-its-work").exists())
            };
            // It fetches its indexes into a root of their own before.
            let in_its_root = || {
                let roots = ["new/tree", "new/scratch/indexes"].map(|root| trees.join(root));
                roots.iter().any(|root| root.join("has-done-its-work").exists())
            };
            let is_done = || done.exists() || in_its_root() || beside_its_work();
            let (running, ()) = slow.start().wait_until(|| is_done().then_some(()));
            kill(program(&world.small.root).unwrap(), signal).unwrap();
            let ended = running.wait();
            let _ = std::fs::remove_file(&done);
            ended
        };
        let end = if is_manager(used) { in_tree } else { waits.as_str() };
        meets(&world, used, fault(&with_end(used, end)), &[code], asked);
    }
    finish(&world);
}

/// Nothing but system calls mounts an image: a signal before, at and after each leaves it mounted or not, and never stuck.
#[test]
fn case_33_a_stop_is_asked_for_at_each_mount() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = Small::new();
    let _ = small.create("web", &["--layout", "classic"]).run().expect_done();
    let before = Snapshot::of(&small.root);
    let mount = || small.root.disklessset(&["livenet", "mount", "web"]);
    let unmount = || small.run(&["livenet", "unmount", "web"]).expect_done();
    let (unharmed, calls) = strace::record_own(&small.root, mount());
    let _ = unharmed.expect_done();
    let _ = unmount();
    let calls: Vec<_> = calls.iter().filter(|call| call.name == "mount").collect();
    assert!(calls.len() > 2, "only {} mounts", calls.len());
    for (number, call) in calls.into_iter().enumerate() {
        let (signal, code) = [("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", 137)][number % 3];
        let ended = strace::signalled_at(mount(), call, signal).run();
        if !ended.status.success() {
            let ended = if signal == "SIGKILL" { ended } else { ended.expect_code(code) };
            let _ = small.run(&["clean", "--yes"]).expect_done();
            let left = before.differences(&Snapshot::of(&small.root));
            assert!(left.is_empty(), "{signal} at {call} gave {ended}\n{left}");
            let _ = mount().run().expect_done();
        }
        let _ = unmount();
    }
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    Snapshot::assert_nothing_held(&small.root);
}
