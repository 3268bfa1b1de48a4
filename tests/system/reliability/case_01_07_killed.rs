//! Beside the kill tables (`kill_points`, `kills`, `failpoints`, `nfs::crash`): given that what puts right after a kill is killed too, and
//! that a tool dies before it is one (at its exec).
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, listed_unchanged, served, warmed_up};
use disklessset_tests::strace;

use crate::system::nfs::Nfs;
use crate::system::small::{Small, put};

/// Kills an action in the middle, then the cleaning at a sample of its steps; the next cleaning comes to the end.
#[track_caller]
fn killed_twice(root: &TestRoot, command: &[&str]) {
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    let before = Snapshot::of(root);
    let untouched = Stage::of(root);
    let (unharmed, points) = strace::record(root, root.disklessset(command));
    let _ = unharmed.expect_done();
    let after = Snapshot::of(root);
    let mut tried = 0;
    for part in if full { vec![1, 2, 3, 4] } else { vec![2, 3] } {
        untouched.restore();
        let _ = strace::killed_at(root.disklessset(command), &points[points.len() * part / 5]).run();
        let crashed = {
            // The saved root is one place: the crashed one has it for a while.
            let saved = root.beside().join("saved");
            let aside = root.beside().join("saved-before");
            std::fs::rename(&saved, &aside).unwrap();
            let crashed = Stage::of(root);
            (crashed, saved, aside)
        };
        let clean = || root.disklessset(&["clean", "--yes"]);
        let (_, steps) = strace::record(root, clean());
        for step in steps.iter().step_by(if full { 2 } else { steps.len().div_ceil(4).max(1) }) {
            crashed.0.restore();
            let _ = strace::killed_at(clean(), step).run();
            let _ = listed_unchanged(root);
            let _ = clean().run().expect_done();
            let now = Snapshot::of(root);
            // What tells of versions is another one each time.
            let (then, later) = (after.clone().overlooking(&[]), now.clone().overlooking(&[]));
            let (from_before, from_after) = (before.differences(&now), then.differences(&later));
            let good = from_before.is_empty() || coming_and_going(&from_after).is_empty();
            assert!(
                good,
                "cleaning killed at {step}\nfrom before:\n{from_before}\nfrom after:\n{from_after}"
            );
            tried += 1;
        }
        let (crashed, saved, aside) = crashed;
        crashed.forget();
        std::fs::rename(aside, saved).unwrap();
    }
    assert!(tried > 2, "only {tried} cleanings were killed");
    untouched.restore();
    untouched.forget();
}

/// The lines that tell of more than other content: what is made anew has another date.
fn coming_and_going(differences: &str) -> String {
    differences.lines().filter(|line| !line.starts_with("  ~ ")).collect()
}

#[test]
fn case_01_a_creation_killed_and_its_cleaning_too() {
    disklessset_tests::need!(need::tool("strace"));
    killed_twice(&warmed_up(&["demo"]), &["demo", "create", "b"]);
}

#[test]
fn case_02_a_clone_killed_and_its_cleaning_too() {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    killed_twice(&root, &["clone", "a", "b"]);
}

#[test]
fn case_03_a_removal_killed_and_its_cleaning_too() {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    killed_twice(&root, &["remove", "a", "--yes"]);
}

#[test]
fn case_07_nodes_killed_and_their_cleaning_too() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    killed_twice(&nfs.root, &["nfs", "nodes", "remove", "g", "c1", "--yes"]);
}

/// Has a tool be killed when it is about to be one; the action fails, and what is served and all else is as before.
#[track_caller]
fn dies_at_exec(small: &Small, tool: &str, command: &[&str]) {
    let (before, old) = (Snapshot::of(&small.root), served(&small.root, "web"));
    let program = strace::killed_at_exec(small.root.disklessset(command), &need::find_tool(tool).unwrap());
    let _ = program.run().expect_refusal(&[1]).expect_said(tool);
    assert!(served(&small.root, "web") == old, "what nodes get has changed");
    let left = before.differences(&Snapshot::of(&small.root));
    let left: Vec<_> = left.lines().filter(|line| !line.contains("~ var/lib/diskless/journal/web")).collect();
    assert!(left.is_empty(), "{tool} of {command:?} left\n{}", left.join("\n"));
}

#[test]
fn case_04_05_06_tools_of_mount_unmount_and_resize_die_at_their_exec() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = Small::new();
    let _ = small.create("web", &["--layout", "classic"]).run().expect_done();
    for tool in ["mksquashfs", "mkfs.ext4"] {
        dies_at_exec(&small, tool, &["livenet", "resize", "web", "500M"]);
    }
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    put(&small.mnt("web").join("etc/motd"), b"edited", 0o644);
    for tool in ["mksquashfs", "mkfs.ext4"] {
        dies_at_exec(&small, tool, &["livenet", "unmount", "web"]);
    }
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert_eq!(std::fs::read_to_string(small.unpacked("web").join("etc/motd")).unwrap(), "edited");
    Snapshot::assert_nothing_held(&small.root);
}
