//! `cargo xtask test`: set-up, checks and every tier of tests; the last line counts.

mod api;
mod area;
mod clean;
mod deny;
mod disk;
mod report;
pub(crate) mod tier;
mod tracked;

use std::process::ExitCode;
use std::time::Instant;

use disklessset_tests::{kill_table, need};

use crate::command::{Tool, interrupted, mark};
use crate::failure::Failure;
use crate::packages::Extent;
use crate::source_tree::{SourceTree, cargo};
use crate::{bench, fuzz, say, setup};

use area::Area;
use report::Report;
use tier::Tier;
use tracked::Tracked;

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// A sample of every tier.
    Sample,
    /// The long tests, too.
    Full,
}

/// Runs the tiers named, or all. Whatever happens, the last line says how it went.
pub(crate) fn task(full: bool, tiers: &[Tier]) -> Result<ExitCode, Failure> {
    let tree = SourceTree::find()?;
    let scope = if full { Scope::Full } else { Scope::Sample };
    let tiers = if tiers.is_empty() { &Tier::ALL } else { tiers };
    let mut report = Report::default();
    match Area::open(&tree.target, &mark()) {
        Err(failure) => report.failed("room for the tests", &failure.to_string()),
        Ok(area) => {
            let run = Run { tree: &tree, area: &area, scope };
            run.all(tiers, &mut report);
            if interrupted() {
                report.failed("test run", &Failure::Interrupted.to_string());
            }
            report.kill_table(kill_table::table(&area.kill_table()));
            for left in area.close() {
                report.failed("left behind", &left);
            }
        }
    }
    report.print();
    Ok(if report.all_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Run<'a> {
    tree: &'a SourceTree,
    area: &'a Area,
    scope: Scope,
}

impl Run<'_> {
    fn all(&self, tiers: &[Tier], report: &mut Report) {
        let started = Instant::now();
        let extent = match self.scope {
            Scope::Full => Extent::LongTests,
            Scope::Sample => Extent::Tests,
        };
        match setup::task(extent) {
            // Only root can install; without root the tiers say what they lack.
            Err(missing) if !nix::unistd::geteuid().is_root() => {
                report.skipped("system packages", &missing.to_string());
            }
            result => report.ended("system packages", started.elapsed(), result),
        }
        let tracked = Tracked::now(&self.tree.root);
        self.tiers(tiers, report);
        self.changes_nothing(tracked, report);
    }

    fn changes_nothing(&self, before: Result<Option<Tracked>, Failure>, report: &mut Report) {
        match before {
            Ok(None) => say::note("no checkout: whether the run changed tracked files is not known"),
            Err(failure) => report.failed("tracked files", &failure.to_string()),
            Ok(Some(tracked)) => {
                report.check("tracked files are as they were", || match tracked.changed()?.as_slice() {
                    [] => Ok(()),
                    changed => Err(Failure::Plain(format!("the run changed {}", changed.join(", ")))),
                })
            }
        }
    }

    fn tiers(&self, tiers: &[Tier], report: &mut Report) {
        for tier in tiers {
            if interrupted() {
                return;
            }
            match tier {
                Tier::Checks => self.checks(report),
                Tier::Unit => self.unit(report),
                Tier::Benches => self.long(*tier, report, || bench::task(&[], bench::Strictness::Told)),
                Tier::Clean => self.long(*tier, report, || clean::check(self.tree, self.area.dir())),
                other => self.of_the_program(*other, report),
            }
        }
    }

    fn checks(&self, report: &mut Report) {
        let step = |report: &mut Report, name: &str, tool: Tool| {
            say::step(name);
            report.check(name, || tool.run().map(|_| ()));
        };
        step(report, "format", self.cargo(&["fmt", "--all", "--check"]).minutes(3));
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        step(report, "clippy", self.cargo(&clippy).minutes(20));
        let documents = self.cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        step(report, "documents", documents.minutes(15));
        api::check(self.tree, &self.cargo(&[]), report);
        deny::check(&self.cargo(&["deny"]), report);
        step(
            report,
            "format, modules of other authors",
            self.authors("fmt", &["--all", "--check"]).minutes(3),
        );
        let clippy = ["--target-dir", self.tree.target.as_str(), "--all-targets", "--", "-D", "warnings"];
        step(report, "clippy, modules of other authors", self.authors("clippy", &clippy).minutes(20));
        self.fuzzers(report);
    }

    /// A few seconds for each. A sample is never red by chance: among its unit tests it has the corpus, and inputs that are made up
    /// of it in the same way every time.
    fn fuzzers(&self, report: &mut Report) {
        if self.scope == Scope::Full {
            report.check("fuzzers", || {
                fuzz::task(&fuzz::FuzzRequest { seconds: 5, targets: Vec::new(), keep: false })
            });
        }
    }

    fn unit(&self, report: &mut Report) {
        say::step("build for unit");
        // Some tests beside the code load modules or run the program as they are installed; `cargo test` alone does
        // not put these where they are looked for.
        if let Err(failure) = self.build() {
            return report.failed("unit", &failure.to_string());
        }
        let targets = self.tree.test_targets().into_iter().flat_map(|name| ["--test".to_owned(), name]);
        let unit = self.cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]).args(targets);
        self.tests("unit", &unit.minutes(25), report);
        let authors =
            self.authors("test", &["--target-dir", self.tree.target.as_str(), "--no-fail-fast", "--lib"]);
        self.tests("unit, modules of other authors", &authors.minutes(15), report);
        let examples = self.cargo(&["test", "--workspace", "--no-fail-fast", "--doc"]);
        self.tests("unit, examples in documents", &examples.minutes(15), report);
        let guard = self.cargo(&["test", "--workspace", "--test", "suite", "--", "guard::", "rooms::"]);
        self.tests("unit, the suite itself", &guard.minutes(15), report);
    }

    /// A tier that only `--full` has.
    fn long(&self, tier: Tier, report: &mut Report, act: impl FnOnce() -> Result<(), Failure>) {
        if self.scope != Scope::Full {
            return say::note(&format!("{}: belongs to cargo xtask test --full", tier.name()));
        }
        if let Some(lack) = tier.lack() {
            return lack.report(tier, report);
        }
        say::step(tier.name());
        report.check(tier.name(), act);
        for left in self.area.left_behind() {
            report.failed(tier.name(), &left);
        }
    }

    /// A tier that runs the built program.
    fn of_the_program(&self, tier: Tier, report: &mut Report) {
        if !self.tree.has_program("disklessset") {
            return report.skipped(tier.name(), "the workspace has no program disklessset yet");
        }
        if let Some(lack) = tier.lack() {
            return lack.report(tier, report);
        }
        say::step(&format!("build for {}", tier.name()));
        if let Err(failure) = self.build().and_then(|()| self.program_with_failpoints(tier)) {
            return report.failed(tier.name(), &failure.to_string());
        }
        let filter = format!("{}::", tier.name());
        let threads = format!("--test-threads={}", tier.threads());
        let suite = self.cargo(&["test", "--workspace", "--test", "suite", "--", &threads, &filter]);
        let minutes = tier.minutes() * if self.scope == Scope::Full { 6 } else { 1 };
        self.tests(tier.name(), &suite.minutes(minutes), report);
    }

    /// All that tests run, the modules of other authors too, which would else be built in the midst of the tests.
    fn build(&self) -> Result<(), Failure> {
        self.cargo(&["build", "--workspace", "--all-targets"]).minutes(20).run()?;
        self.authors("build", &["--target-dir", self.tree.target.as_str()]).minutes(15).run().map(drop)
    }

    /// The whole workspace is chosen so that all of its dependencies are as they were built already.
    fn program_with_failpoints(&self, tier: Tier) -> Result<(), Failure> {
        if tier != Tier::System {
            return Ok(());
        }
        let program = ["--features", "disklessset/failpoints", "--bin", "disklessset-failpoints"];
        self.cargo(&[&["build", "--workspace"][..], &program].concat()).minutes(20).run().map(drop)
    }

    fn tests(&self, name: &str, tool: &Tool, report: &mut Report) {
        say::step(name);
        report.tests(name, tool, self.area);
        for left in self.area.left_behind() {
            report.failed(name, &left);
        }
    }

    /// cargo at work on the modules of other authors, a workspace of their own.
    fn authors(&self, task: &str, args: &[&str]) -> Tool {
        let manifest = self.tree.root.join("tests/authors/Cargo.toml");
        self.cargo(&[&[task, "--manifest-path", manifest.as_str()], args].concat())
    }

    fn cargo(&self, args: &[&str]) -> Tool {
        // Whoever changes dependencies commits the lock file; a test run does not write it.
        let locks = ["build", "test", "clippy", "doc"].contains(args.first().unwrap_or(&""));
        let (verb, rest) = args.split_at(args.len().min(1));
        let locked = if locks { &["--locked"][..] } else { &[] };
        let args = verb.iter().chain(locked).chain(rest);
        let tool = cargo().dir(&self.tree.root).args(args.copied());
        let tool =
            self.area.environment().into_iter().fold(tool, |tool, (name, value)| tool.env(name, value));
        match self.scope {
            Scope::Full => tool.env(need::FULL, "1"),
            Scope::Sample => tool.env(need::FULL, "0"),
        }
    }
}
