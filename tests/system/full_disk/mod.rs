//! Given a file system with exactly so much room that one stage or another of an operation does not fit: the old state stays in
//! service, everything begun is taken back, the room is given back, and the message names the file system.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod after_packing;
mod injected;
mod kernels;
mod livenet;
mod registries;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::facts::{FileFacts, files_below};
use disklessset_tests::loop_disk::{Disk, Filling, LoopDisk};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Outcome;

/// Room that may be missing afterwards: logs grow, and directories keep their size.
const CRUMBS: u64 = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(3 * 60);

/// Files that tell of attempts, too.
const AT_ALL_TIMES: [&str; 1] = ["  ~ var/lib/diskless/journal/"];

/// A small file system where a directory of a test root was, with what was in it.
pub(super) struct OnDisk {
    _bound: Mounted,
    disk: LoopDisk,
    place: Utf8PathBuf,
}

impl OnDisk {
    /// Moves a directory of the root onto a file system of so many MiB.
    #[track_caller]
    pub(super) fn new(root: &TestRoot, place: &Utf8Path, kind: Disk, mebibytes: u64) -> Self {
        let home = root.beside().join("disk");
        std::fs::create_dir(&home).unwrap();
        let disk = LoopDisk::new(&home, kind, mebibytes).unwrap();
        std::fs::create_dir_all(place).unwrap();
        // A listing tells of what is no image.
        std::fs::remove_dir(disk.path().join("lost+found"))
            .or_else(|cause| match cause.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(cause),
            })
            .unwrap();
        let all = format!("{place}/.");
        let _ = root.tool("cp", &["-a", &all, disk.path().as_str()]).run().expect_done();
        Self { _bound: Mounted::bind(disk.path(), place), disk, place: place.to_owned() }
    }

    /// Where it stands in the root.
    fn place(&self) -> &Utf8Path {
        &self.place
    }

    /// Takes all its room but for so many bytes.
    #[track_caller]
    pub(super) fn fill_but(&self, bytes: u64) -> Filling {
        self.disk.fill_but(bytes).unwrap()
    }

    fn used(&self) -> u64 {
        self.disk.used().unwrap()
    }
}

/// All there is below a root, on the small disk too.
struct World {
    root: Snapshot,
    small: BTreeMap<PathBuf, FileFacts>,
    used: u64,
}

impl World {
    fn of(root: &TestRoot, disk: &OnDisk) -> Self {
        let used = disk.used();
        let mut files = files_below(&disk.place).unwrap();
        files.retain(|file, _| !["run", "var/log"].iter().any(|log| file.starts_with(log)));
        for facts in files.values_mut() {
            facts.changed = (0, 0);
        }
        Self { root: Snapshot::of(root), small: files, used }
    }

    #[track_caller]
    fn assert_same(&self, root: &TestRoot, disk: &OnDisk, words: &str) {
        let now = Self::of(root, disk);
        let differences = self.root.differences(&now.root);
        // What was taken from the user and given back is there again, on another line.
        let differences: Vec<_> = differences
            .lines()
            .filter(|line| !AT_ALL_TIMES.iter().any(|same| line.starts_with(same)))
            .collect();
        let differences = differences.join("\n");
        assert!(differences.is_empty(), "not as before: {words}\n{differences}");
        let names = |files: &BTreeMap<PathBuf, FileFacts>| files.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&now.small), names(&self.small), "{words}");
        let journal = |file: &PathBuf| file.parent().is_some_and(|parent| parent.ends_with("journal"));
        for (file, facts) in self.small.iter().filter(|(file, _)| !journal(file)) {
            assert_eq!(&now.small[file], facts, "{} is not as before: {words}", file.display());
        }
        let lost = now.used.saturating_sub(self.used);
        assert!(lost <= CRUMBS, "{lost} bytes of room are not given back: {words}");
    }
}

/// Whether the run is a long one.
fn everything() -> bool {
    std::env::var(need::FULL).is_ok_and(|full| full == "1")
}

/// An operation that is tried with more and more room.
pub(super) struct Trial<'t> {
    pub(super) root: &'t TestRoot,
    pub(super) disk: &'t OnDisk,
    /// What is run.
    pub(super) command: &'t [&'t str],
    /// Brings the world to where the command can be run, also after it was.
    pub(super) ready: &'t dyn Fn(),
    /// Asserts that the old state is in service.
    pub(super) old: &'t dyn Fn(),
    /// Bytes that suffice.
    pub(super) enough: u64,
}

/// What came of the attempts: what was said, and with how many bytes of room at first.
#[derive(Default)]
pub(super) struct Refusals(BTreeMap<String, u64>);

impl Refusals {
    /// The same for stages that are so close to the end that only a long run meets them.
    #[track_caller]
    pub(super) fn at_last(&self, words: &[&str]) {
        if everything() {
            self.at(words);
        }
    }

    /// Asserts that there were refusals with each of these words.
    #[track_caller]
    pub(super) fn at(&self, words: &[&str]) {
        let said: Vec<_> = self.0.iter().collect();
        for wanted in words {
            assert!(said.iter().any(|(said, _)| said.contains(wanted)), "never {wanted:?}: {said:#?}");
        }
    }
}

impl Trial<'_> {
    /// Tries with some amounts of room from none to enough, and then ever closer to what just suffices: there the last stages
    /// are.
    #[track_caller]
    pub(super) fn sweep(&self) -> Refusals {
        let (steps, closer) = if everything() { (24, 14) } else { (3, 1) };
        let mut refusals = Refusals::default();
        let (mut low, mut high) = (0, None);
        for step in 0..=steps {
            let room = self.enough * step / steps;
            if self.attempt(room, &mut refusals) {
                high = Some(room);
                break;
            }
            low = room;
        }
        let mut high =
            high.unwrap_or_else(|| panic!("{} bytes do not suffice: {:#?}", self.enough, refusals.0));
        assert!(high > 0, "{:?} needs no room", self.command);
        for _ in 0..closer {
            let room = low.midpoint(high);
            match self.attempt(room, &mut refusals) {
                true => high = room,
                false => low = room,
            }
        }
        refusals
    }

    /// Whether it ended well with so many bytes of room.
    #[track_caller]
    fn attempt(&self, room: u64, refusals: &mut Refusals) -> bool {
        (self.ready)();
        let filling = self.disk.fill_but(room);
        let before = World::of(self.root, self.disk);
        let outcome = self.root.disklessset(self.command).limit(PATIENCE).run();
        if outcome.status.success() {
            return true;
        }
        let words = format!("with {room} bytes: {outcome}");
        let outcome = outcome.expect_refusal(disklessset_tests::run::refusals_of(self.command));
        self.names_the_file_system(&outcome);
        (self.old)();
        before.assert_same(self.root, self.disk, &words);
        drop(filling);
        refusals.0.entry(reason(&outcome)).or_insert(room);
        false
    }

    #[track_caller]
    fn names_the_file_system(&self, outcome: &Outcome) {
        let place = self.disk.place.as_str().trim_end_matches('/');
        let failed = format!("because: the file system {place} (");
        let refused = outcome.stderr.contains(" free\n") && outcome.stderr.contains(place);
        assert!(outcome.stderr.contains(&failed) || refused, "{outcome}");
    }
}

/// The message without what differs from run to run.
fn reason(outcome: &Outcome) -> String {
    let lines = outcome.stderr.lines().filter(|line| !line.starts_with("hint:"));
    let text: Vec<_> = lines.map(str::trim).collect();
    text.join(" / ").chars().filter(|c| !c.is_ascii_digit()).collect()
}
