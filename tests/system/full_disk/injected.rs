//! Given system calls that fail for want of room, of quota, or because the disk is broken, in the middle of real work on trees.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::Outcome;
use disklessset_tests::strace::{self, Call, Lasting};

use super::super::small::{self, put};
use super::everything;

/// Calls that need room. Flushes and renames are for tests that let the action end as old or as new: whether they have happened nobody
/// knows afterwards. What mkfs cannot write with `pwrite64` it writes in another way, a moment later.
const NEEDING_ROOM: [&str; 12] = [
    "mkdir",
    "mkdirat",
    "openat",
    "openat2",
    "write",
    "writev",
    "copy_file_range",
    "fallocate",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
];

/// Whether a call needs room, before the next state of the image is in service. What an unmount does after that, taking the view away and
/// putting so on record, it does not take back yet when the record fails: the mount is told as lost, and the changes are in the image.
fn needs_room(call: &Call) -> bool {
    NEEDING_ROOM.contains(&call.name.as_str()) && !call.line.contains("/.next-web-")
}

/// Has calls that the program itself makes fail one by one, some in a sample and many in a long run. `ready` brings the world to where it was, also after
/// the command was run; `done` tells whether it is as after the command all the same; `after` looks at it after a failure.
#[track_caller]
fn fail(
    livenet: &small::Small,
    command: &[&str],
    error: &str,
    ready: &dyn Fn(),
    done: &dyn Fn() -> bool,
    after: &dyn Fn(&Call, &Outcome),
) {
    ready();
    let (unharmed, points) = strace::record_own(&livenet.root, livenet.root.disklessset(command));
    let _ = unharmed.expect_done();
    let points: Vec<_> = points.iter().filter(|call| needs_room(call)).collect();
    let every = (points.len() / if everything() { 60 } else { 7 }).max(1);
    let mut failed = 0;
    for point in points.iter().skip(every / 2).step_by(every) {
        ready();
        let before = Snapshot::of(&livenet.root);
        let outcome =
            strace::failing_at(livenet.root.disklessset(command), point, error, Lasting::Once).run();
        // Calls are counted thread by thread: this one may have been the report, after all was done.
        let is_report = outcome.stderr.contains("cannot write to standard output");
        if outcome.status.success() || is_report {
            // Another thread's call; or the last line of the journal, without which the next cleaning ends it.
            let _ = livenet.run(&["clean", "--yes"]).expect_done();
            let _ = livenet.run(&["verify"]).expect_done();
            continue;
        }
        failed += 1;
        let outcome = outcome.expect_refusal(disklessset_tests::run::refusals_of(command));
        if done() {
            // What failed came after the point from which there is no way back.
            let _ = livenet.run(&["clean", "--yes"]).expect_done();
            let _ = livenet.run(&["verify"]).expect_done();
            continue;
        }
        let left = before.differences(&Snapshot::of(&livenet.root));
        let counts = |line: &&str| !line.contains("~ var/lib/diskless/journal/");
        let left: Vec<_> = left.lines().filter(counts).collect();
        assert!(left.is_empty(), "{error} at {point} left {left:#?}: {outcome}");
        after(point, &outcome);
    }
    assert!(failed > 0, "none of {} points failed", points.len());
}

fn gone(livenet: &small::Small) {
    if livenet.root.status("web").is_some() {
        let _ = livenet.run(&["remove", "web", "--yes"]).expect_done();
    }
}

fn creation(error: &str, explained: &str) {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let livenet = small::Small::new();
    let source = format!("tree:{}", livenet.tree);
    let command = ["livenet", "create", "web", "--kernel", small::KERNEL, "--source", &source];
    fail(&livenet, &command, error, &|| gone(&livenet), &|| false, &|point, outcome| {
        assert!(livenet.root.images().is_empty());
        assert!(outcome.stderr.contains(explained), "{error} at {point}: {outcome}");
    });
}

#[test]
fn a_creation_without_room() {
    creation("ENOSPC", "the file system ");
}

#[test]
fn a_creation_without_quota() {
    creation("EDQUOT", " has a quota that is used up");
}

#[test]
fn an_unmount() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let livenet = small::Small::new();
    let _ = livenet.create("web", &[]).run().expect_done();
    let mnt = livenet.mnt("web");
    for error in ["ENOSPC", "EIO"] {
        let ready = || {
            if !mnt.join("etc").exists() {
                let _ = livenet.run(&["livenet", "mount", "web"]).expect_done();
                put(&mnt.join("etc/motd"), b"edited", 0o644);
            }
        };
        // All of it: the new image in service, with the edits in it, and nothing mounted.
        let done = || {
            let unmounted = !mnt.join("etc").exists();
            if unmounted {
                let tree = livenet.unpacked("web");
                assert_eq!(std::fs::read_to_string(tree.join("etc/motd")).unwrap(), "edited");
                Snapshot::assert_nothing_held(&livenet.root);
            }
            unmounted
        };
        fail(&livenet, &["livenet", "unmount", "web"], error, &ready, &done, &|point, outcome| {
            let motd = std::fs::read_to_string(mnt.join("etc/motd"));
            assert_eq!(motd.ok().as_deref(), Some("edited"), "{error} at {point}: {outcome}");
            put(&mnt.join("etc/again"), b"can be written to", 0o644);
            std::fs::remove_file(mnt.join("etc/again")).unwrap();
            let _ = livenet.run(&["verify"]).expect_done();
        });
        let _ = livenet.run(&["livenet", "unmount", "web", "--discard", "--yes"]);
    }
}

#[test]
fn a_resize() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("strace"));
    let livenet = small::Small::new();
    let _ = livenet.create("web", &["--layout", "classic"]).run().expect_done();
    for error in ["ENOSPC", "EIO"] {
        fail(&livenet, &["livenet", "resize", "web", "300M"], error, &|| (), &|| false, &|_, _| {
            let _ = livenet.run(&["verify"]).expect_done();
        });
    }
}
