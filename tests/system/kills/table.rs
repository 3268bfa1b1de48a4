//! One operation killed at system calls of its own, one after the other: afterwards the world is as before or as after it,
//! wherever it was.

use std::os::unix::process::ExitStatusExt;

use disklessset_tests::canary::Canary;
use disklessset_tests::kill_table;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, listed_unchanged};
use disklessset_tests::strace::{self, Call};
use disklessset_tests::versions;

use super::world::{Eye, World};

/// So many points of each operation, evenly spread.
const SAMPLE: usize = 6;
const FULL: usize = 40;

/// An operation, and the world it is killed in.
pub(super) struct Table<'a> {
    /// As the kill table names it.
    pub(super) operation: &'a str,
    pub(super) root: &'a TestRoot,
    pub(super) command: &'a [&'a str],
    /// What no copy of files can bring about, done before each kill: a mount, an edit in it.
    pub(super) begin: &'a dyn Fn(),
    /// What else must be so when nobody is at work.
    pub(super) holds: &'a dyn Fn(&World),
    /// How the work is taken up again without repeating it.
    pub(super) mend: &'a [&'a str],
    /// What the same command may end with afterwards.
    pub(super) again: &'a [i32],
    /// Whether it is cheap enough to be repeated.
    pub(super) repeats: bool,
}

impl<'a> Table<'a> {
    pub(super) fn of(operation: &'a str, root: &'a TestRoot, command: &'a [&'a str]) -> Self {
        Self {
            operation,
            root,
            command,
            begin: &|| {},
            holds: &|_| {},
            mend: &["clean", "--yes"],
            again: &[0, 3, 5],
            repeats: true,
        }
    }

    /// Kills it, and adds the line to the kill table.
    #[track_caller]
    pub(super) fn kill(&self) {
        let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
        self.kill_at(if full { FULL } else { SAMPLE });
    }

    #[track_caller]
    pub(super) fn kill_at(&self, wanted: usize) {
        let canary = Canary::plant(&self.root.beside().join("canary"));
        let stage = Stage::of(self.root);
        let eye = Eye::on(self.root);
        (self.begin)();
        let before = eye.look();
        (self.holds)(&before);
        let (unharmed, mut points) = strace::record_own(self.root, self.program());
        let _ = unharmed.expect_done();
        // A line more or less in a log decides nothing.
        points.retain(|point| !point.line.contains("/var/log/"));
        let after = eye.look();
        (self.holds)(&after);
        assert_ne!(before, after, "it changes nothing");
        assert!(points.len() > 5, "only {} points", points.len());
        let round = Round { table: self, eye: &eye, before: &before, after: &after };
        let (mut killed, mut back) = (0, 0);
        for (number, point) in spread(&points, wanted) {
            stage.restore();
            (self.begin)();
            let begun = before.differences(&eye.look());
            assert!(begun.is_empty(), "it does not begin as it did:\n{begun}");
            let mut ended = strace::killed_at(self.program(), point).run();
            if ended.status.success() {
                stage.restore();
                (self.begin)();
                ended = strace::killed_at(self.program(), &point.earlier()).run();
            }
            assert_eq!(ended.status.signal(), Some(9), "{point} was not reached: {ended}");
            killed += 1;
            round.look(point);
            if number % 2 == 0 || !self.repeats {
                back += usize::from(round.mend(point) == Way::Back);
            } else {
                round.repeat(point);
            }
            canary.assert_untouched();
        }
        // Its mounts go with it.
        stage.restore();
        stage.forget();
        kill_table::add(self.operation, "own system calls", points.len(), killed, back, killed - back);
    }

    fn program(&self) -> disklessset_tests::run::Program {
        self.root.disklessset(self.command)
    }
}

/// Some of the points, the first and the last among them, and numbered so that both ways of going on get as many.
fn spread(points: &[Call], wanted: usize) -> Vec<(usize, &Call)> {
    let wanted = wanted.min(points.len());
    let last = points.len() - 1;
    (0..wanted).map(|number| (number, &points[number * last / (wanted - 1)])).collect()
}

/// What the world was led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Back,
    On,
}

/// What is asserted after each kill.
struct Round<'a> {
    table: &'a Table<'a>,
    eye: &'a Eye<'a>,
    before: &'a World,
    after: &'a World,
}

impl Round<'_> {
    /// Nothing that it had started goes on, and a listing works and says nothing strange.
    #[track_caller]
    fn look(&self, point: &Call) {
        let root = self.table.root;
        root.wait_for_orphans(point);
        for (image, status) in listed_unchanged(root) {
            assert!(["CREATED", "CORRUPTED"].contains(&status.as_str()), "{image} is {status} after {point}");
        }
    }

    /// Taken up again, it is undone or finished.
    #[track_caller]
    fn mend(&self, point: &Call) -> Way {
        let mended = self.table.root.disklessset(self.table.mend).run().expect_done();
        let now = self.eye.look();
        let (back, on) = (self.before.differences(&now), self.after.differences(&now));
        assert!(
            back.is_empty() || on.is_empty(),
            "neither as before nor as after, killed at {point}\n{mended}\nfrom before:\n{back}\nfrom after:\n{on}"
        );
        (self.table.holds)(&now);
        if back.is_empty() { Way::Back } else { Way::On }
    }

    /// The same command again finishes the work, or finds it finished.
    #[track_caller]
    fn repeat(&self, point: &Call) {
        let again = self.table.program().run();
        let code = again.status.code();
        assert!(code.is_some_and(|code| self.table.again.contains(&code)), "repeated after {point}: {again}");
        versions::remove_surplus(self.table.root, &self.after.versions);
        let now = self.eye.look();
        let differences = self.after.differences(&now);
        assert!(differences.is_empty(), "repeated after {point}: {again}\n{differences}");
        (self.table.holds)(&now);
    }
}
