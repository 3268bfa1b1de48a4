//! Given `kill -9` at a system call with which an action changes something: what is listed afterwards is true, what nodes
//! are served is old or new, and cleaning, or the same command again, brings the world to one of the two.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::process::ExitStatusExt;

use disklessset_tests::canary::Canary;
use disklessset_tests::kill_table;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, listed_unchanged, served, warmed_up};
use disklessset_tests::strace::{self, Call};
use disklessset_tests::versions;

/// What an action is for, which decides what may be seen after its sudden end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// The image is not there before.
    Make,
    /// The image is there before and afterwards.
    Change,
    /// The image is there before.
    Remove,
    /// The image is CORRUPTED before and gone afterwards.
    RemoveCorrupted,
    /// No image comes, goes or changes.
    Other,
}

/// One action under fault.
pub(super) struct Case {
    /// Beside the demo module.
    pub(super) modules: &'static [&'static str],
    pub(super) command: &'static [&'static str],
    pub(super) image: &'static str,
    pub(super) does: Does,
    pub(super) prepare: fn(&TestRoot),
}

fn nothing(_root: &TestRoot) {}

fn one_image(root: &TestRoot) {
    let _ = root.disklessset(&["demo", "create", "a", "--message", "old"]).run().expect_done();
}

fn two_versions(root: &TestRoot) {
    one_image(root);
    let _ = root.disklessset(&["demo", "message", "a", "new"]).run().expect_done();
}

fn one_held_version(root: &TestRoot) {
    one_image(root);
    let _ = root.disklessset(&["--hold", "demo", "message", "a", "new"]).run().expect_done();
}

fn one_corrupted(root: &TestRoot) {
    one_image(root);
    let _ = root.disklessset(&["demo", "create", "b", "--crash"]).run();
    assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"));
}

/// Files as a kernel and its initramfs have them, as far as setting a kernel looks at them.
fn a_kernel(root: &TestRoot) {
    one_image(root);
    let kernels = root.image_dir("a").join("../../kernels");
    for file in ["vmlinuz-6.1.0-test", "initramfs-kernel-6.1.0-test"] {
        std::fs::copy("/proc/self/cmdline", kernels.join(file)).unwrap();
    }
}

pub(super) const CREATE: Case = Case {
    modules: &[],
    command: &["demo", "create", "b"],
    image: "b",
    does: Does::Make,
    prepare: one_image,
};
pub(super) const FIRST: Case =
    Case { modules: &[], command: &["demo", "create", "b"], image: "b", does: Does::Make, prepare: nothing };
pub(super) const CLONE: Case =
    Case { modules: &[], command: &["clone", "a", "b"], image: "b", does: Does::Make, prepare: one_image };
pub(super) const MESSAGE: Case = Case {
    modules: &[],
    command: &["demo", "message", "a", "new"],
    image: "a",
    does: Does::Change,
    prepare: one_image,
};
pub(super) const SET_KERNEL: Case = Case {
    modules: &[],
    command: &["kernel", "set", "a", "6.1.0-test"],
    image: "a",
    does: Does::Change,
    prepare: a_kernel,
};
pub(super) const ROLLBACK: Case = Case {
    modules: &[],
    command: &["rollback", "a", "1"],
    image: "a",
    does: Does::Change,
    prepare: two_versions,
};
pub(super) const RELEASE: Case = Case {
    modules: &[],
    command: &["release", "a"],
    image: "a",
    does: Does::Change,
    prepare: one_held_version,
};
pub(super) const REBUILD: Case =
    Case { modules: &[], command: &["rebuild", "a"], image: "a", does: Does::Change, prepare: one_image };
pub(super) const REMOVE_VERSION: Case = Case {
    modules: &[],
    command: &["remove", "a@1", "--yes"],
    image: "a",
    does: Does::Other,
    prepare: two_versions,
};
pub(super) const REMOVE: Case = Case {
    modules: &[],
    command: &["remove", "a", "--yes"],
    image: "a",
    does: Does::Remove,
    prepare: one_image,
};
pub(super) const CLEAR: Case = Case {
    modules: &[],
    command: &["clear", "a", "--yes"],
    image: "a",
    does: Does::Remove,
    prepare: one_image,
};
pub(super) const CLEAN: Case = Case {
    modules: &[],
    command: &["clean", "b", "--yes"],
    image: "b",
    does: Does::RemoveCorrupted,
    prepare: one_corrupted,
};
pub(super) const CLEAR_CORRUPTED: Case = Case {
    modules: &[],
    command: &["clear", "b", "--yes"],
    image: "b",
    does: Does::RemoveCorrupted,
    prepare: one_corrupted,
};
pub(super) const REMOVE_KERNEL: Case = Case {
    modules: &[],
    command: &["kernel", "remove", "6.1.0-test", "--yes"],
    image: "a",
    does: Does::Other,
    prepare: a_kernel,
};

const RECORD: Case = Case {
    modules: &[],
    command: &["verify", "a", "--record"],
    image: "a",
    does: Does::Change,
    prepare: |root| {
        one_image(root);
        std::fs::remove_file(root.image_dir("a").join("SHA256SUMS")).unwrap();
    },
};
const RECORD_KERNEL: Case = Case {
    modules: &[],
    command: &["verify", "--kernel", "6.1.0-test", "--record"],
    image: "a",
    does: Does::Other,
    prepare: a_kernel,
};
const RECORD_KERNEL_ANEW: Case = Case {
    prepare: |root| {
        a_kernel(root);
        let manifest = root.image_dir("a").join("../../kernels/SHA256SUMS-6.1.0-test");
        std::fs::copy("/proc/self/cmdline", manifest).unwrap();
    },
    ..RECORD_KERNEL
};

fn pools(root: &TestRoot) {
    one_image(root);
    for (pool, nodes) in [("old", "c[1-2]"), ("compute", "x1")] {
        let words = ["pool", "set", pool, "--image", "a", "--nodes", nodes];
        let _ = root.disklessset(&words).run().expect_done();
    }
}

const NODE_SET: Case = Case {
    modules: &[],
    command: &["node", "set", "c[1-3]", "--kernel-parameters", "quiet", "--pool", "compute"],
    image: "a",
    does: Does::Other,
    prepare: pools,
};
const POOL_SET: Case =
    Case { command: &["pool", "set", "new", "--image", "a@1", "--nodes", "c[1-2]"], ..NODE_SET };
const ASSIGN: Case = Case { command: &["assign", "a@1", "d[1-2]"], ..NODE_SET };
const NODE_IMPORT: Case = Case {
    command: &[
        "node",
        "import",
        concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/inventory_yaml/node_file"),
        "--from",
        "yaml",
    ],
    ..NODE_SET
};

/// Every so-manieth point: an odd number, so that both ways back are taken; beginning elsewhere for each command.
#[track_caller]
pub(super) fn sample(case: &Case) {
    const EVERY: usize = 5;
    let begin = case.command.concat().len() % EVERY;
    kill_at(case, |number| number % EVERY == begin);
}

/// Kills the action at the points that are chosen by their number.
#[track_caller]
pub(super) fn kill_at(case: &Case, chosen: impl Fn(usize) -> bool) {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&[&["demo"], case.modules].concat());
    (case.prepare)(&root);
    let canary = Canary::plant(&root.beside().join("canary"));
    let stage = Stage::of(&root);
    let before = World::of(&root, case);
    let (unharmed, points) = strace::record(&root, root.disklessset(case.command));
    let _ = unharmed.expect_done();
    let after = World::of(&root, case);
    assert_ne!(before.files.differences(&after.files), "", "it changes nothing");
    assert!(points.len() > 10, "only {} points", points.len());
    let (mut tried, mut back) = (0, 0);
    for (number, point) in points.iter().enumerate().filter(|(number, _)| chosen(*number)) {
        stage.restore();
        let ended = strace::killed_at(root.disklessset(case.command), point).run();
        if !case.modules.is_empty() && ended.status.success() {
            // Several threads copy: which of them makes the N-th call of a kind is another each time.
            continue;
        }
        // Of a case with tools, one of them may have made the call and been killed: a failure like any other.
        let of_a_tool = !case.modules.is_empty() && ended.status.code() == Some(1);
        assert!(of_a_tool || ended.status.signal() == Some(9), "{point} was not reached: {ended}");
        let round = Round { root: &root, case, point, before: &before, after: &after };
        let outcome = round.look();
        // Both ways back, taken in turns so that every kind of point meets both.
        if number % 2 == 0 {
            back += usize::from(round.clean(outcome) == Direction::Back);
        } else {
            round.repeat();
        }
        canary.assert_untouched();
        tried += 1;
    }
    assert!(tried > 0, "none of {} points was reached", points.len());
    kill_table::add(&case.command.join(" "), "system calls", points.len(), tried, back, tried - back);
}

/// The world before or after an action.
struct World {
    files: Snapshot,
    served: Served,
}

impl World {
    fn of(root: &TestRoot, case: &Case) -> Self {
        Self { files: Snapshot::of(root), served: served(root, case.image) }
    }
}

/// How a look differs from the world after an action: what tells of versions is another one each time.
fn from_after(after: &World, now: Snapshot) -> String {
    after.files.clone().overlooking(&[]).differences(&now.overlooking(&[]))
}

fn canonical(served: Served) -> Served {
    versions::canonical(served, &Default::default())
}

type Served = std::collections::BTreeMap<std::path::PathBuf, disklessset_tests::facts::FileFacts>;

/// What the next cleaning has to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Back,
    On,
    /// Nobody was promised anything.
    Either,
}

/// What a status promises while an image is served as before, or as after the action; nothing when it is a lie.
pub(super) fn promised(does: Does, status: Option<&str>, old: bool, new: bool) -> Option<Direction> {
    match (does, status) {
        (Does::Make, Some("CREATED")) if new => Some(Direction::On),
        (Does::Make, None) if old => Some(Direction::Back),
        (Does::Make, Some("CORRUPTED")) => Some(Direction::Back),
        (Does::Change, Some("CREATED")) if new => Some(Direction::On),
        // Committed or not, the next cleaning knows; nobody was told either.
        (Does::Change, Some("CREATED")) if old => Some(Direction::Either),
        (Does::Remove, Some("CREATED")) if old => Some(Direction::Back),
        (Does::Remove, None) if new => Some(Direction::On),
        (Does::RemoveCorrupted, Some("CORRUPTED") | None) => Some(Direction::On),
        (Does::Other, Some("CREATED")) if old => Some(Direction::Either),
        _ => None,
    }
}

/// One sudden end.
struct Round<'a> {
    root: &'a TestRoot,
    case: &'a Case,
    point: &'a Call,
    before: &'a World,
    after: &'a World,
}

impl Round<'_> {
    /// What a user sees, and what that means for the cleaning: a status is a promise.
    #[track_caller]
    fn look(&self) -> Direction {
        let listed = listed_unchanged(self.root);
        let point = self.point;
        for (image, status) in &listed {
            let of_others = image != self.case.image && self.case.does != Does::RemoveCorrupted;
            assert!(!of_others || status == "CREATED", "{image} is {status} after {point}");
        }
        let served = served(self.root, self.case.image);
        let old = served == self.before.served;
        let new = !old && canonical(served.clone()) == canonical(self.after.served.clone());
        let status = listed.get(self.case.image).map(String::as_str);
        promised(self.case.does, status, old, new).unwrap_or_else(|| {
            let files: Vec<_> = served.keys().collect();
            panic!("{status:?} (as before {old}, as after {new}) after {point}\nserved: {files:?}")
        })
    }

    /// `clean` leads where the listing said, and leaves nothing. Tells where that was.
    #[track_caller]
    fn clean(&self, direction: Direction) -> Direction {
        let _ = self.root.disklessset(&["clean", "--yes"]).run().expect_done();
        let now = Snapshot::of(self.root);
        let (from_before, from_after) =
            (self.before.files.differences(&now), from_after(self.after, now.clone()));
        let good = match direction {
            Direction::Back => from_before.is_empty(),
            Direction::On => from_after.is_empty(),
            Direction::Either => from_before.is_empty() || from_after.is_empty(),
        };
        assert!(
            good,
            "{direction:?} was promised after {}\nfrom before:\n{from_before}\nfrom after:\n{from_after}",
            self.point
        );
        self.no_lock_is_left();
        if from_before.is_empty() { Direction::Back } else { Direction::On }
    }

    /// The same command again finishes the work, or finds it finished.
    #[track_caller]
    fn repeat(&self) {
        let again = self.root.disklessset(self.case.command).run();
        let again = if again.status.success() { again } else { again.expect_refusal(&[3, 5]) };
        versions::remove_surplus(self.root, self.after.files.versions());
        let differences = from_after(self.after, Snapshot::of(self.root));
        assert!(differences.is_empty(), "after {} repeating gave {again}\n{differences}", self.point);
    }

    /// Files of locks on things that come and go, go with them.
    #[track_caller]
    fn no_lock_is_left(&self) {
        let locks = self.root.path().join("run/disklessset");
        let names = locks.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned());
        let left: Vec<_> = names.filter(|name| name.starts_with("image-")).collect();
        assert!(left.is_empty(), "{left:?} left after {}", self.point);
    }
}

/// Each action at a sample of its points, and with `--full` at every one.
macro_rules! actions {
    ($($name:ident: $case:ident;)+) => {
        mod at_a_sample_of_its_points {
            $(#[test]
            fn $name() {
                super::sample(&super::$case);
            })+
        }

        mod at_every_point {
            use disklessset_tests::need;

            $(#[test]
            fn $name() {
                disklessset_tests::need!(need::full());
                super::kill_at(&super::$case, |_| true);
            })+
        }
    };
}

actions! {
    a_creation: CREATE;
    the_first_creation_of_a_site: FIRST;
    a_clone: CLONE;
    a_change_by_a_module: MESSAGE;
    a_change_of_kernel: SET_KERNEL;
    a_removal: REMOVE;
    a_cleaning: CLEAN;
    a_clearing: CLEAR;
    a_clearing_of_a_corrupted_image: CLEAR_CORRUPTED;
    a_removal_of_a_kernel: REMOVE_KERNEL;
    a_record_of_digests: RECORD;
    a_record_of_a_kernel: RECORD_KERNEL;
    another_record_of_a_kernel: RECORD_KERNEL_ANEW;
    nodes_that_are_set: NODE_SET;
    a_pool_that_is_set: POOL_SET;
    an_image_that_is_assigned: ASSIGN;
    nodes_that_are_imported: NODE_IMPORT;
}
