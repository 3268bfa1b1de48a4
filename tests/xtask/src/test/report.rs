//! Counts: what ran, what failed, what was skipped and why; the closing line.

use std::fmt::{Display, Formatter};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use disklessset_tests::need::Kind;

use super::area::Area;
use crate::command::Tool;
use crate::failure::Failure;
use crate::say;

/// How many tests or checks ended in which way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// How the steps of a run went.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<(String, Duration, Tally)>,
    failures: Vec<String>,
    skips: Vec<String>,
    late: Vec<String>,
    kill_table: Option<String>,
}

impl Report {
    /// Runs a check and counts it as one.
    pub(crate) fn check(&mut self, name: &str, act: impl FnOnce() -> Result<(), Failure>) {
        let started = Instant::now();
        let result = act();
        self.ended(name, started.elapsed(), result);
    }

    /// Counts a check that has been run.
    pub(crate) fn ended(&mut self, name: &str, time: Duration, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.step(name, time, Tally { passed: 1, ..Tally::default() }),
            Err(failure) => self.failed_after(name, time, &failure.to_string()),
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&mut self, name: &str, why: &str) {
        self.failed_after(name, Duration::ZERO, why);
    }

    fn failed_after(&mut self, name: &str, time: Duration, why: &str) {
        say::line(&format!("FAILED: {name}: {why}"));
        self.failures.push(format!("{name}: {why}"));
        self.step(name, time, Tally { failed: 1, ..Tally::default() });
    }

    /// Counts something as skipped, loudly.
    pub(crate) fn skipped(&mut self, name: &str, why: &str) {
        say::line(&format!("SKIPPED: {name}: {why}"));
        self.skips.push(format!("{name}: {why}"));
        self.step(name, Duration::ZERO, Tally { skipped: 1, ..Tally::default() });
    }

    /// Runs tests under libtest and counts them by what it prints and by the notes of those that did not run.
    pub(crate) fn tests(&mut self, name: &str, tool: &Tool, area: &Area) {
        let started = Instant::now();
        let mut counted = Counted::default();
        let result = tool.run_watched(|line| counted.line(line));
        let time = started.elapsed();
        for note in notes(&area.skips()) {
            match counted.note(&note) {
                Some(Kind::Skipped) => {
                    say::line(&note);
                    self.skips.push(format!("{name}: {note}"));
                }
                Some(Kind::Late) => self.late.push(format!("{name}: {note}")),
                Some(Kind::FullOnly) | None => {}
            }
        }
        self.failures.extend(counted.failures.iter().map(|failed| format!("{name}: {failed}")));
        self.step(name, time, counted.tally);
        match result {
            // Failed tests are counted already; what remains is a build that failed, a crash, a time limit.
            Err(failure) if counted.tally.failed == 0 => self.failed(name, &failure.to_string()),
            Ok(_) if counted.binaries == 0 => self.failed(name, "no test was run"),
            _ => {}
        }
    }

    /// Takes the kill table, to be printed at the end.
    pub(crate) fn kill_table(&mut self, read: std::io::Result<Option<String>>) {
        match read {
            Ok(table) => self.kill_table = table,
            Err(cause) => self.failed("kill table", &cause.to_string()),
        }
    }

    fn step(&mut self, name: &str, time: Duration, tally: Tally) {
        if time > Duration::ZERO {
            say::took(name, time);
        }
        match self.steps.iter_mut().find(|(known, ..)| known == name) {
            Some((_, spent, sum)) => {
                *spent += time;
                sum.add(tally);
            }
            None => self.steps.push((name.to_owned(), time, tally)),
        }
    }

    fn sum(&self) -> Tally {
        self.steps.iter().fold(Tally::default(), |mut sum, (_, _, tally)| {
            sum.add(*tally);
            sum
        })
    }

    /// Says whether nothing failed, and something was run at all.
    pub(crate) fn all_well(&self) -> bool {
        self.sum().failed == 0 && self.sum().passed > 0
    }

    /// Prints the kill table, what was skipped, late, or failed, the table of steps, and the closing line.
    pub(crate) fn print(&self) {
        if let Some(table) = &self.kill_table {
            say::step("kill table");
            say::line(table.trim_end());
        }
        say::step("summary");
        for (name, time, Tally { passed, failed, skipped }) in &self.steps {
            let time = say::seconds(*time);
            say::line(&format!(
                "{name:<28} {time:>12} {passed:>5} passed {failed:>4} failed {skipped:>4} skipped"
            ));
        }
        for skip in &self.skips {
            say::line(&format!("skipped: {skip}"));
        }
        for late in &self.late {
            say::line(&format!("late, tried again: {late}"));
        }
        for failure in &self.failures {
            say::line(&format!("failed: {failure}"));
        }
        say::line(&self.closing_line());
    }

    fn closing_line(&self) -> String {
        let Tally { passed, failed, skipped } = self.sum();
        format!("disklessset: {passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// What libtest has printed so far.
#[derive(Debug, Default)]
struct Counted {
    tally: Tally,
    /// Test binaries that came to their end.
    binaries: usize,
    failures: Vec<Failed>,
    /// Which of the failures the lines are about that are printed now.
    about: Option<usize>,
}

/// A test that failed, and the first lines of what it said.
#[derive(Debug, PartialEq, Eq)]
struct Failed {
    test: String,
    said: Vec<String>,
}

/// Lines of a panic that the summary has, and characters of each: where a log is cut, the reason is still there.
const SAID: (usize, usize) = (8, 240);

impl Display for Failed {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.test)?;
        self.said.iter().try_for_each(|line| write!(to, "\n    {line}"))
    }
}

impl Counted {
    fn line(&mut self, line: &str) {
        if let Some(test) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failures.push(Failed { test: test.to_owned(), said: Vec::new() });
        }
        self.reason(line);
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        self.binaries += 1;
        for count in counts.split("; ") {
            match count.split_once(' ').map(|(number, what)| (number.parse::<usize>(), what)) {
                Some((Ok(number), "passed")) => self.tally.passed += number,
                Some((Ok(number), "failed")) => self.tally.failed += number,
                Some((Ok(number), "ignored")) => self.tally.skipped += number,
                _ => {}
            }
        }
    }

    /// Keeps the first lines of the panic of a test that failed.
    fn reason(&mut self, line: &str) {
        if let Some(test) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.about = self.failures.iter().position(|failed| failed.test == test);
        } else if line == "stack backtrace:" || line == "failures:" {
            self.about = None;
        }
        let Some(failed) = self.about.and_then(|at| self.failures.get_mut(at)) else { return };
        let begun = !failed.said.is_empty() || line.contains("panicked at");
        if begun && failed.said.len() < SAID.0 && !line.trim().is_empty() {
            failed.said.push(line.chars().take(SAID.1).collect());
        }
    }

    /// Takes a test that only noted why it did not run off the passed ones.
    fn note(&mut self, note: &str) -> Option<Kind> {
        let kinds = [Kind::Skipped, Kind::FullOnly, Kind::Late];
        let kind = kinds.into_iter().find(|kind| note.starts_with(kind.word()))?;
        match kind {
            Kind::Skipped => {
                self.tally.passed = self.tally.passed.saturating_sub(1);
                self.tally.skipped += 1;
            }
            Kind::FullOnly => self.tally.passed = self.tally.passed.saturating_sub(1),
            // It ended as libtest has it.
            Kind::Late => {}
        }
        Some(kind)
    }
}

/// Reads and removes the notes, so that each belongs to one step.
fn notes(dir: &Utf8Path) -> Vec<String> {
    let mut notes = Vec::new();
    for entry in dir.read_dir_utf8().into_iter().flatten().flatten() {
        notes.extend(std::fs::read_to_string(entry.path()).map(|text| text.trim_end().to_owned()));
        let _ = std::fs::remove_file(entry.path());
    }
    notes.sort();
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lines: &[&str]) -> Counted {
        let mut counted = Counted::default();
        lines.iter().for_each(|line| counted.line(line));
        counted
    }

    #[test]
    fn results_of_several_binaries_are_summed() {
        let counted = counted(&[
            "test result: ok. 34 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.76s",
            "test a::b ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "a test printed: test result: ok. 9 passed; 0 failed",
        ]);
        assert_eq!(counted.tally, Tally { passed: 36, failed: 1, skipped: 1 });
        assert_eq!(counted.failures, [Failed { test: "a::b".to_owned(), said: Vec::new() }]);
        assert_eq!(counted.binaries, 2);
    }

    #[test]
    fn the_summary_says_why_a_test_failed() {
        let counted = counted(&[
            "test a::b ... FAILED",
            "failures:",
            "---- a::b stdout ----",
            "printed before",
            "thread 'a::b' (7) panicked at src/b.rs:1:2:",
            "assertion failed: late",
            "stack backtrace:",
            "   0: rust_begin_unwind",
        ]);
        assert_eq!(
            counted.failures[0].to_string(),
            "a::b\n    thread 'a::b' (7) panicked at src/b.rs:1:2:\n    assertion failed: late"
        );
    }

    #[test]
    fn a_test_that_did_not_run_is_not_passed() {
        let mut counted =
            counted(&["test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"]);
        counted.note("SKIPPED: a::b: not root");
        counted.note("FULL ONLY: a::c: belongs to --full");
        counted.note("LATE: a::d: 2 s");
        assert_eq!(counted.tally, Tally { passed: 3, failed: 0, skipped: 1 });
    }

    #[test]
    fn the_closing_line_has_its_fixed_form() {
        let mut report = Report::default();
        report.check("good", || Ok(()));
        report.skipped("there", "not here");
        assert!(report.all_well());
        assert_eq!(report.closing_line(), "disklessset: 1 passed, 0 failed, 1 skipped");
        report.check("bad", || Err(Failure::Interrupted));
        assert!(!report.all_well());
        assert_eq!(report.closing_line(), "disklessset: 1 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_run_that_ran_nothing_is_no_success() {
        assert!(!Report::default().all_well());
    }
}
