//! Given `kill -9` at a step of the program's own making, beside everything it writes, renames, mounts, removes: what is listed then is
//! true, and cleaning, or the same command again, brings the world to what it was before or to what it is after, byte for
//! byte, and to the one of the two that the operation promises for that step.
#![allow(clippy::print_stdout, reason = "which step it was is wanted when the cleaning after it fails")]

mod demo;
mod kernels;
mod livenet;
mod modules;
mod nfs;
mod nodes;
mod pulls;
mod trace;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use disklessset_tests::canary::Canary;
use disklessset_tests::failpoints::{self, Step};
use disklessset_tests::kill_table;
use disklessset_tests::need;
use disklessset_tests::residue::{Snapshot, is_named, without_loop_devices};
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Outcome, Program};
use disklessset_tests::stage::{Stage, listed_unchanged, served, warmed_up};
use disklessset_tests::versions;

use super::kill_points::{Case, Direction, Does, promised};

/// From where on an operation is finished and no longer undone.
#[derive(Clone, Copy)]
enum Turn {
    /// The step of this name with these words in what was done, the first one.
    First(&'static str, &'static str),
    /// The last one.
    Last(&'static str, &'static str),
    /// There is no way back at any time.
    Begin,
}

/// The journal has the line, flushed or not.
const COMMITTED: Turn = Turn::First("journal: line written", "committed");
/// The image is no longer where it is served.
const OUT_OF_SERVICE: Turn = Turn::First("renamed to a new name", "/.trash-");
/// The creation is off the register.
const UNREGISTERED: Turn = Turn::Last("file aside: in its place", "installations.yml");

impl Turn {
    /// The number of the step.
    #[track_caller]
    fn among(self, steps: &[Step]) -> usize {
        let is = |name: &str, words: &str, step: &Step| step.name == name && step.what.contains(words);
        let found = match self {
            Self::First(name, words) => steps.iter().find(|step| is(name, words, step)),
            Self::Last(name, words) => steps.iter().rev().find(|step| is(name, words, step)),
            Self::Begin => return 0,
        };
        found.unwrap_or_else(|| panic!("no step decides among {steps:#?}")).number
    }
}

/// An operation under fault.
#[derive(Clone, Copy)]
struct Operation {
    /// Its name in the kill table.
    name: &'static str,
    case: &'static Case,
    turn: Turn,
    /// What a saved root cannot hold, mounts: made again for each kill.
    arrange: fn(&TestRoot),
    /// Files that have another content each time they are made.
    remade: &'static [&'static str],
    /// What must be so when the world is as after it, beyond the bytes.
    ended: fn(&TestRoot),
    program: fn(&TestRoot, &[&str]) -> Program,
    /// As sampled at most.
    kills: usize,
}

fn plain(root: &TestRoot, words: &[&str]) -> Program {
    root.disklessset(words)
}

fn nothing(_root: &TestRoot) {}

impl Operation {
    const fn new(name: &'static str, case: &'static Case, turn: Turn) -> Self {
        Self { name, case, turn, arrange: nothing, remade: &[], ended: nothing, program: plain, kills: 5 }
    }
}

/// The world before or after an operation.
struct World {
    files: Snapshot,
    served: Served,
}

type Served = std::collections::BTreeMap<std::path::PathBuf, disklessset_tests::facts::FileFacts>;

impl World {
    fn of(root: &TestRoot, image: &str) -> Self {
        Self { files: Snapshot::of(root), served: served(root, image) }
    }

    fn overlooking(self, names: &[&str]) -> Self {
        Self { files: self.files.overlooking(names), served: overlooked(self.served, names) }
    }
}

fn overlooked(mut served: Served, names: &[&str]) -> Served {
    let is_another = |path: &Path| is_named(path, names) || versions::tells_of_versions(path);
    for (_, facts) in served.iter_mut().filter(|(path, _)| is_another(path)) {
        (facts.size, facts.digest) = (0, 0);
    }
    served
}

/// What kills came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) killed: usize,
    pub(super) before: usize,
    pub(super) after: usize,
    failed: Vec<String>,
}

impl Tally {
    /// Makes one kill, whose failure does not keep the others from being made.
    pub(super) fn round(&mut self, number: usize, round: impl FnOnce(&mut Self)) {
        let failed = catch_unwind(AssertUnwindSafe(|| round(self)));
        if let Err(cause) = failed {
            let text = cause.downcast_ref::<String>().cloned();
            let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            self.failed.push(format!("step {number}: {}", text.unwrap_or_default()));
        }
    }

    /// Puts all into the kill table, when all went well.
    #[track_caller]
    pub(super) fn report(self, operation: &str, steps: usize) {
        let Self { killed, before, after, failed } = self;
        assert!(
            failed.is_empty(),
            "{operation}: {} of {killed} kills at {steps} steps failed:\n{}",
            failed.len(),
            failed.join("\n--\n")
        );
        kill_table::add(operation, "failpoints", steps, killed, before, after);
    }
}

/// Which steps are tried: all with `--full`, else some of them, beginning elsewhere for each operation, and the two
/// beside the turn.
pub(super) fn chosen(name: &str, steps: usize, turn: usize, kills: usize) -> Vec<usize> {
    if std::env::var(need::FULL).is_ok_and(|full| full == "1") {
        return (1..=steps).collect();
    }
    sampled(name, steps, turn, kills)
}

fn sampled(name: &str, steps: usize, turn: usize, kills: usize) -> Vec<usize> {
    let every = (steps / kills).max(1);
    let begin = name.bytes().map(usize::from).sum::<usize>() % every;
    let mut chosen: Vec<usize> = (1..=steps)
        .filter(|number| number % every == begin || *number == turn || number + 1 == turn)
        .collect();
    chosen.dedup();
    chosen
}

/// Kills an operation at its steps.
#[track_caller]
fn kill(operation: &Operation) {
    need!(need::root());
    kill_at(operation, |steps, turn| chosen(operation.name, steps, turn, operation.kills));
}

#[track_caller]
fn kill_at(operation: &Operation, chosen: impl Fn(usize, usize) -> Vec<usize>) {
    let case = operation.case;
    let root = warmed_up(&[&["demo"], case.modules].concat());
    (case.prepare)(&root);
    let canary = Canary::plant(&root.beside().join("canary"));
    let stage = Stage::of(&root);
    let begin = || {
        root.unmount_all();
        stage.restore();
        (operation.arrange)(&root);
    };
    begin();
    let before = World::of(&root, case.image);
    let (unharmed, steps) = failpoints::record(&root, (operation.program)(&root, case.command));
    let _ = unharmed.expect_done();
    let after = World::of(&root, case.image).overlooking(operation.remade);
    (operation.ended)(&root);
    let turn = operation.turn.among(&steps);
    let (mut tally, mut cleanings) = (Tally::default(), Tally::default());
    for (count, number) in chosen(steps.len(), turn).into_iter().enumerate() {
        tally.round(number, |tally| {
            begin();
            let (ended, passed) = failpoints::kill(&root, (operation.program)(&root, case.command), number);
            let step = killed(&ended, &passed, &steps, number);
            root.wait_for_orphans(step);
            tally.killed += 1;
            let round = Round { root: &root, operation, step, before: &before, after: &after };
            let promised = if number < turn { Direction::Back } else { Direction::On };
            round.look(promised);
            // Both ways back, taken in turns so that every kind of step meets both.
            let went_on = if count % 2 == 0 {
                *(if promised == Direction::On { &mut cleanings.after } else { &mut cleanings.before }) +=
                    usize::from(round.kill_the_cleaning(number, promised));
                round.clean(promised)
            } else {
                round.repeat()
            };
            // Repeated, every operation comes to its end: what the kill came to is what cleaning would have made of it.
            *(if went_on && promised == Direction::On { &mut tally.after } else { &mut tally.before }) += 1;
            canary.assert_untouched();
        });
    }
    root.unmount_all();
    tally.report(operation.name, steps.len());
    cleanings.killed = cleanings.before + cleanings.after;
    cleanings.report(&format!("{}, its cleaning too", operation.name), steps.len());
}

/// The step at which a program was killed; the same as when it was not.
#[track_caller]
pub(super) fn killed<'a>(ended: &Outcome, passed: &'a [Step], steps: &[Step], number: usize) -> &'a Step {
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(ended.status.signal(), Some(9), "step {number} was not reached: {ended}");
    let step = passed.last().unwrap_or_else(|| panic!("no step was passed"));
    let same = steps.get(number - 1).is_some_and(|recorded| recorded.name == step.name);
    assert!(step.number == number && same, "{step}, and not {:?}", steps.get(number - 1));
    step
}

/// One sudden end.
struct Round<'a> {
    root: &'a TestRoot,
    operation: &'a Operation,
    step: &'a Step,
    before: &'a World,
    after: &'a World,
}

impl Round<'_> {
    /// What a user sees must be true, and promise nothing else than the operation does.
    #[track_caller]
    fn look(&self, expected: Direction) {
        let (case, step) = (self.operation.case, self.step);
        let listed = listed_unchanged(self.root);
        for (image, status) in &listed {
            let of_others = image != case.image && case.does != Does::RemoveCorrupted;
            assert!(!of_others || status == "CREATED", "{image} is {status} after {step}");
        }
        let served = served(self.root, case.image);
        let old = served == self.before.served;
        let new = !old && overlooked(served, self.operation.remade) == self.after.served;
        let status = listed.get(case.image).map(String::as_str);
        let seen = promised(case.does, status, old, new);
        let seen =
            seen.unwrap_or_else(|| panic!("{status:?}, as before {old}, as after {new}, after {step}"));
        assert!(seen == expected || seen == Direction::Either, "{seen:?} is seen after {step}");
    }

    /// The cleaning is killed as well, at another of its steps each time, where it has as many; says whether it was.
    #[track_caller]
    fn kill_the_cleaning(&self, number: usize, expected: Direction) -> bool {
        let at = 1 + number * 7 % 40;
        let program = (self.operation.program)(self.root, &["clean", "--yes"]);
        let Some(step) = failpoints::kill_if_so_long(self.root, program, at) else { return false };
        self.root.wait_for_orphans(&step);
        println!("{}: killed at {}, its cleaning at {step}", self.operation.name, self.step);
        self.look(expected);
        true
    }

    /// `clean` leads where the operation said, and leaves nothing; says whether the world is as after the operation.
    #[track_caller]
    fn clean(&self, expected: Direction) -> bool {
        let _ = (self.operation.program)(self.root, &["clean", "--yes"]).run().expect_done();
        let went_on = expected == Direction::On;
        let differences = without_loop_devices(|| self.differences(went_on));
        assert!(
            differences.is_empty(),
            "{expected:?} was to be gone after {}\nhow it differs:\n{differences}",
            self.step
        );
        if went_on {
            (self.operation.ended)(self.root);
        }
        self.no_lock_is_left();
        went_on
    }

    /// How the world differs from that after the operation, or before it.
    fn differences(&self, from_after: bool) -> String {
        let now = Snapshot::of(self.root);
        if from_after {
            self.after.files.differences(&now.overlooking(self.operation.remade))
        } else {
            self.before.files.differences(&now)
        }
    }

    /// The same command again finishes the work, or finds it finished.
    #[track_caller]
    fn repeat(&self) -> bool {
        let again = (self.operation.program)(self.root, self.operation.case.command).run();
        let again = if again.status.success() { again } else { again.expect_refusal(&[3, 5]) };
        versions::remove_surplus(self.root, self.after.files.versions());
        let differences = without_loop_devices(|| self.differences(true));
        assert!(differences.is_empty(), "after {} repeating gave {again}\n{differences}", self.step);
        (self.operation.ended)(self.root);
        true
    }

    /// Files of locks on things that come and go, go with them.
    #[track_caller]
    fn no_lock_is_left(&self) {
        let locks = self.root.path().join("run/disklessset");
        let left = names_in(locks.as_std_path()).into_iter().filter(|name| name.starts_with("image-"));
        assert_eq!(left.collect::<Vec<_>>(), [] as [String; 0], "left after {}", self.step);
    }
}

#[track_caller]
fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory)
        .unwrap_or_else(|cause| panic!("cannot read {}: {cause}", directory.display()));
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// A test for each operation.
macro_rules! operations {
    ($($name:ident: $operation:expr;)+) => {$(
        #[test]
        fn $name() {
            super::kill(&$operation);
        }
    )+};
}
use operations;
