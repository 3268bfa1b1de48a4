//! Given a disk that is full, broken or read-only: nothing is reported that did not happen, the old state stays in service,
//! what was begun is taken back, and the room is given back.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Outcome;
use disklessset_tests::stage::{Stage, listed_unchanged, served, warmed_up};
use disklessset_tests::strace::{self, Call, Lasting};
use disklessset_tests::versions;

/// One action under fault: its arguments and the image it is on.
struct Case {
    command: &'static [&'static str],
    image: &'static str,
}

const CREATE: Case = Case { command: &["demo", "create", "b"], image: "b" };
const CLONE: Case = Case { command: &["clone", "a", "b"], image: "b" };
const CHANGE: Case = Case { command: &["demo", "message", "a", "new"], image: "a" };
const REMOVE: Case = Case { command: &["remove", "a", "--yes"], image: "a" };

/// Has calls of an action fail, every so-manieth of those at which something is changed.
#[track_caller]
fn fail_at(case: &Case, error: &str, lasting: Lasting, every: usize) {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a", "--message", "old"]).run().expect_done();
    let stage = Stage::of(&root);
    let (before, old) = (Snapshot::of(&root), served(&root, case.image));
    let (unharmed, points) = strace::record(&root, root.disklessset(case.command));
    let _ = unharmed.expect_done();
    let (after, new) = (Snapshot::of(&root), served(&root, case.image));
    // What the system would never answer proves nothing: removing needs no room.
    let possible = |call: &Call| error != "ENOSPC" || !call.name.starts_with("unlink");
    for (_, point) in points.iter().filter(|call| possible(call)).enumerate().filter(|(i, _)| i % every == 0)
    {
        stage.restore();
        let failed = strace::failing_at(root.disklessset(case.command), point, error, lasting).run();
        let words = format!("{error} {lasting:?} at {point} gave {failed}");
        let now = served(&root, case.image);
        let is_new = now != old && canonical(now.clone()) == canonical(new.clone());
        assert!(now == old || is_new, "neither old nor new is served: {words}");
        let listed = listed_unchanged(&root);
        assert_ne!(listed.get(case.image).map(String::as_str), Some("IN_CREATION"), "{words}");
        if failed.status.success() {
            // Best effort that failed, such as a description of who holds a lock.
            assert!(is_new, "reported what did not happen: {words}");
        } else {
            // With an error for good the very report may be what fails.
            let failed = if lasting == Lasting::Once { failed.expect_refusal(&[1]) } else { failed };
            let _ = failed.expect_code(1);
        }
        if lasting == Lasting::Once && now == old {
            let left = before.differences(&Snapshot::of(&root));
            assert!(left.is_empty(), "not taken back: {words}\n{left}");
        }
        let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
        let end = Snapshot::of(&root);
        // What tells of versions is another one each time.
        let (after, then) = (after.clone().overlooking(&[]), end.clone().overlooking(&[]));
        let (from_before, from_after) = (before.differences(&end), after.differences(&then));
        assert!(
            from_before.is_empty() || from_after.is_empty(),
            "{words}\nfrom before:\n{from_before}\nfrom after:\n{from_after}"
        );
    }
}

fn canonical(served: Served) -> Served {
    versions::canonical(served, &Default::default())
}

type Served = std::collections::BTreeMap<std::path::PathBuf, disklessset_tests::facts::FileFacts>;

macro_rules! faults {
    ($($name:ident: $error:literal $lasting:ident;)+) => {$(
        mod $name {
            use super::{CHANGE, CLONE, CREATE, Lasting, REMOVE, fail_at};
            use disklessset_tests::need;

            #[test]
            fn during_a_creation() {
                fail_at(&CREATE, $error, Lasting::$lasting, 13);
            }

            #[test]
            fn during_a_change() {
                fail_at(&CHANGE, $error, Lasting::$lasting, 13);
            }

            #[test]
            fn everywhere() {
                disklessset_tests::need!(need::full());
                for case in [CREATE, CLONE, CHANGE, REMOVE] {
                    fail_at(&case, $error, Lasting::$lasting, 1);
                }
            }
        }
    )+};
}

faults! {
    no_room_once: "ENOSPC" Once;
    no_room_for_good: "ENOSPC" ForGood;
    a_broken_disk_once: "EIO" Once;
    a_broken_disk_for_good: "EIO" ForGood;
}

/// A file system of so many bytes mounted as the root, with the standing directories and one image in it.
fn small_root(root: &TestRoot, bytes: u64) -> Mounted {
    let mounted = Mounted::memory(&root.path(), bytes);
    let _ = root.disklessset(&["demo", "create", "a", "--message", "old"]).run().expect_done();
    mounted
}

fn free(root: &TestRoot) -> u64 {
    nix::sys::statvfs::statvfs(root.path().as_std_path()).unwrap().blocks_free()
}

/// The pages of the logs: an operation has its lines there, also one that failed.
fn logged(root: &TestRoot) -> u64 {
    let logs = root.path().join("var/log/disklessset");
    let logs = logs.read_dir_utf8().into_iter().flatten();
    logs.map(|log| std::os::unix::fs::MetadataExt::blocks(&log.unwrap().metadata().unwrap()) * 512 / 4096)
        .sum()
}

/// Takes all the room but for so many pages, and gives it back at the end.
fn fill(root: &TestRoot, but: u64) -> Utf8PathBuf {
    use std::io::Write;
    let file = root.path().join("filling");
    let mut open = std::fs::File::create(&file).unwrap();
    while free(root) > but {
        open.write_all(&[1; 4096]).unwrap();
    }
    file
}

/// Gives the room back. At once: a program that another thread just starts may have the file open, and keep a removed one's room.
fn empty(filling: &Utf8Path) {
    std::fs::File::create(filling).unwrap();
    std::fs::remove_file(filling).unwrap();
}

fn refused_for_room(outcome: Outcome) {
    let _ = outcome.expect_refusal(&[1]).expect_said("No space left on device");
}

#[test]
fn case_11_a_full_file_system_keeps_the_old_state_and_gets_its_room_back() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::with_modules(&["demo"]);
    let _mounted = small_root(&root, 1024 * 1024);
    let commands: [&[&str]; 3] =
        [&["demo", "create", "b"], &["clone", "a", "b"], &["demo", "message", "a", "new"]];
    // With every number of free pages from none to enough something else does not fit any more.
    for command in commands {
        let mut refusals = 0;
        for pages in 0..40 {
            let filling = fill(&root, pages);
            let (before, old, room) = (Snapshot::of(&root), served(&root, "a"), free(&root) + logged(&root));
            let outcome = root.disklessset(command).run();
            if outcome.status.success() {
                break;
            }
            refused_for_room(outcome);
            refusals += 1;
            assert_eq!(served(&root, "a"), old);
            assert_eq!(listed_unchanged(&root).len(), 1);
            let left = before.differences(&Snapshot::of(&root));
            assert!(left.is_empty(), "with {pages} pages {command:?} left\n{left}");
            let room_now = free(&root) + logged(&root);
            assert_eq!(room_now, room, "with {pages} pages {command:?} gave not all room back");
            empty(&filling);
        }
        assert!(refusals > 2, "{command:?} never met a full file system");
        empty(&root.path().join("filling"));
        let _ = root.disklessset(&["remove", "b", "--yes"]).run();
    }
    assert_eq!(root.status("a").as_deref(), Some("CREATED"));
}

#[test]
fn case_11_removing_needs_no_more_room_than_a_line() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::with_modules(&["demo"]);
    let _mounted = small_root(&root, 1024 * 1024);
    let filling = fill(&root, 2);
    let _ = root.disklessset(&["remove", "a", "--yes"]).run().expect_done();
    assert!(root.images().is_empty());
    assert!(free(&root) > 2);
    empty(&filling);
}

#[test]
fn case_11_a_full_file_system_does_not_keep_a_corrupted_image_from_being_cleaned() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::with_modules(&["demo"]);
    let _mounted = small_root(&root, 1024 * 1024);
    let before = Snapshot::of(&root);
    let _ = root.disklessset(&["demo", "create", "b", "--crash"]).run();
    let filling = fill(&root, 0);
    let cleaning = root.disklessset(&["clean", "--yes"]).run();
    empty(&filling);
    if !cleaning.status.success() {
        refused_for_room(cleaning);
        let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    }
    before.assert_same_as_now(&root);
}
