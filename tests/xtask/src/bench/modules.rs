//! `cargo xtask bench modules`: what a thousand installed modules cost a command, and what a call into one costs.
//!
//! Runs that are compared take turns, and the fastest of each counts: what else the machine does can only add. The processor's
//! time is told beside it.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are timed bare, without the watching that other tasks do"
)]

use std::process::{Command, Stdio};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::Value;

use super::demands::Demands;
use super::samples::Strictness;
use crate::command::{Output, Tool};
use crate::dist;
use crate::failure::{self, Failure};
use crate::say;
use crate::source_tree::{SourceTree, cargo};

const MODULES: usize = 1_000;
const ROUNDS: usize = 40;
/// The one of which an action is run.
const ONE: &str = "m500";
/// What the name and the class of a copy replace, of the same length.
const NAME: &[u8] = b"demo";
const CLASS: &[u8] = b"DemoImage";

/// Builds with optimisation, measures, prints, and fails when a demand does not hold.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    let tree = SourceTree::find()?;
    let built = build(&tree)?;
    let place = directory_in("/var/tmp")?;
    let place = Utf8Path::from_path(place.path()).expect("the prefix is plain text");
    // An action waits for the disk to have its records: what that takes is the disk's affair.
    let root = directory_in("/dev/shm")?;
    let root = Utf8Path::from_path(root.path()).expect("the prefix is plain text");
    let bench = Bench { built: &built, place, root };
    bench.fill()?;
    go_first();
    let mut demands = Demands::of("modules");
    let scan = bench.listing(&mut demands)?;
    bench.action(scan, &mut demands)?;
    bench.calls(&mut demands)?;
    demands.verdict(strictness)
}

fn directory_in(parent: &str) -> Result<tempfile::TempDir, Failure> {
    let made = tempfile::Builder::new().prefix("disklessset-bench-").tempdir_in(parent);
    made.map_err(|cause| Failure::Plain(format!("cannot make a directory in {parent}: {cause}")))
}

/// What is measured; the other modules are not needed.
struct Built {
    program: Utf8PathBuf,
    demo: Utf8PathBuf,
    cost: Utf8PathBuf,
}

fn build(tree: &SourceTree) -> Result<Built, Failure> {
    say::step("build");
    let build = cargo().dir(&tree.root).args(["build", "--release", "--package", "disklessset"]);
    let build = build.args(["--package", "disklessset-demo-module", "--lib", "--bin", "disklessset"]);
    let build = build.args(["--example", "module_cost", "--message-format", "json-render-diagnostics"]);
    let mut artifacts = Vec::new();
    build.minutes(30).output(Output::Messages).run_watched(|line| artifacts.extend(dist::artifact(line)))?;
    let file_of = |name: &str| {
        let found = artifacts.iter().find(|(target, _)| target == name).map(|(_, file)| file.clone());
        found.ok_or_else(|| Failure::Plain(format!("cargo built no {name}")))
    };
    Ok(Built {
        program: file_of("disklessset")?,
        demo: file_of("demo_module")?,
        cost: file_of("module_cost")?,
    })
}

/// Other programs of the machine wait while ours run, as far as the caller may ask for that: root.
fn go_first() {
    let own = std::process::id().to_string();
    let asked = Tool::new("renice").args(["-n", "-15", "-p", &own]).output(Output::Kept).run();
    if asked.is_err() {
        say::note("without root other programs are as important: times on the clock may be longer");
    }
}

struct Bench<'a> {
    built: &'a Built,
    place: &'a Utf8Path,
    /// Where images lie: in memory.
    root: &'a Utf8Path,
}

/// What one run took.
#[derive(Debug, Clone, Copy)]
struct Took {
    /// Milliseconds on the clock.
    wall: f64,
    /// Milliseconds of the processor.
    processor: f64,
}

/// The least of many runs.
#[derive(Debug, Clone, Copy)]
struct Least(Took);

impl Least {
    fn none() -> Self {
        Self(Took { wall: f64::INFINITY, processor: f64::INFINITY })
    }

    fn take(&mut self, other: Took) {
        self.0 = Took { wall: self.0.wall.min(other.wall), processor: self.0.processor.min(other.processor) };
    }
}

impl std::fmt::Display for Least {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} ms, {:.1} of the processor", self.0.wall, self.0.processor)
    }
}

impl Bench<'_> {
    fn many(&self) -> Utf8PathBuf {
        self.place.join("modules.d")
    }

    /// The same action with no other module beside.
    fn alone(&self) -> Utf8PathBuf {
        self.place.join("one.d")
    }

    fn none(&self) -> Utf8PathBuf {
        self.place.join("none.d")
    }

    /// Real modules, each with a name and a class of its own: 1 GB of them.
    fn fill(&self) -> Result<(), Failure> {
        say::step(&format!("{MODULES} modules"));
        for directory in [self.many(), self.alone(), self.none()] {
            std::fs::create_dir(&directory).map_err(failure::file("make", &directory))?;
        }
        let demo = &self.built.demo;
        let mut content = std::fs::read(demo).map_err(failure::file("read", demo))?;
        let (names, classes) = (places(&content, NAME), places(&content, CLASS));
        for number in 0..MODULES {
            let (name, class) = (format!("m{number:03}"), format!("Image{number:04}"));
            replace(&mut content, &names, name.as_bytes());
            replace(&mut content, &classes, class.as_bytes());
            let file = self.many().join(format!("{name}_module.so"));
            std::fs::write(&file, &content).map_err(failure::file("write", &file))?;
            if name == ONE {
                let file = self.alone().join(format!("{name}_module.so"));
                std::fs::write(&file, &content).map_err(failure::file("write", &file))?;
            }
        }
        // Or the runs wait for what is still written.
        Tool::new("sync").args(["--file-system", self.place.as_str()]).output(Output::Kept).run().map(|_| ())
    }

    fn command(&self, modules: &Utf8Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.built.program);
        command.args(["--root", self.root.as_str(), "--modules-dir", modules.as_str()]).args(args);
        command
    }

    /// Gives back what looking at the modules costs the processor, in milliseconds.
    fn listing(&self, demands: &mut Demands) -> Result<f64, Failure> {
        say::step("list");
        let (mut list, mut bare, mut loading) = (Least::none(), Least::none(), Least::none());
        let mut readelf = need::find_tool("readelf").map(|_| Least::none());
        for round in 0..ROUNDS {
            list.take(timed(&mut self.command(&self.many(), &["list"]))?);
            bare.take(timed(&mut self.command(&self.none(), &["list"]))?);
            if round % 8 == 0 {
                loading.take(timed(Command::new(&self.built.cost).args(["load", self.many().as_str()]))?);
            }
            if let Some(readelf) = &mut readelf {
                let files = (0..MODULES).map(|number| self.many().join(format!("m{number:03}_module.so")));
                readelf.take(timed(Command::new("readelf").arg("--notes").args(files))?);
            }
        }
        say::note(&format!("with no module: {bare}; loading them all: {loading}"));
        let holds = list.0.wall < 25.0;
        demands.check(&format!("list with {MODULES} modules"), &list, "less than 25 ms", holds);
        let ratio = list.0.wall / loading.0.wall;
        demands.check("that to loading them all", &format!("{ratio:.3}"), "at most 0.1", ratio <= 0.1);
        match readelf {
            Some(readelf) => {
                let ratio = list.0.wall / readelf.0.wall;
                say::note(&format!("readelf reads the notes alone in {readelf}"));
                demands.check("list to readelf", &format!("{ratio:.2}"), "at most 0.5", ratio <= 0.5);
            }
            None => say::note("readelf is not installed: not compared with"),
        }
        Ok(list.0.processor - bare.0.processor)
    }

    fn action(&self, scan: f64, demands: &mut Demands) -> Result<(), Failure> {
        say::step("an action of one of them");
        timed(&mut self.command(&self.many(), &[ONE, "create", "image"]))?;
        let (mut among, mut alone) = (Least::none(), Least::none());
        for round in 0..ROUNDS {
            let act = [ONE, "message", "image", if round % 2 == 0 { "even" } else { "odd" }];
            among.take(timed(&mut self.command(&self.many(), &act))?);
            alone.take(timed(&mut self.command(&self.alone(), &act))?);
        }
        say::note(&format!("with no other module beside: {alone}"));
        demands.check("an action among them", &among, "less than 30 ms", among.0.wall < 30.0);
        let more = among.0.processor - alone.0.processor;
        say::note(&format!("the others cost it {more:.1} ms of the processor, a listing {scan:.1}"));
        let ratio = more / scan;
        demands.check("the one to the other", &format!("{ratio:.2}"), "at most 1.5", ratio <= 1.5);
        Ok(())
    }

    fn calls(&self, demands: &mut Demands) -> Result<(), Failure> {
        say::step("calls");
        let file = self.alone().join(format!("{ONE}_module.so"));
        let ask = Tool::new(self.built.cost.as_str())
            .args(["calls", file.as_str(), "Image0500"])
            .output(Output::Kept);
        let told = ask.run()?.stdout;
        let told: Value =
            serde_json::from_str(&told).map_err(|cause| Failure::Output { line: ask.line(), cause })?;
        let of = |name: &str| {
            told[name].as_f64().ok_or_else(|| Failure::Plain(format!("{}: it told no {name}", ask.line())))
        };
        let (across, direct, step) = (of("across")?, of("direct")?, of("step")?);
        say::note(&format!("a virtual call that copies its request: {direct:.0} ns"));
        demands.check(
            "across the ABI, with the guard",
            &format!("{across:.0} ns"),
            "less than 1,000",
            across < 1e3,
        );
        say::note(&format!("{:.1} times the virtual call", across / direct));
        say::note(&format!("a whole step, image and reply as JSON and back: {:.1} µs", step / 1e3));
        Ok(())
    }
}

fn timed(command: &mut Command) -> Result<Took, Failure> {
    let before = processor()?;
    let begun = Instant::now();
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let wall = begun.elapsed().as_secs_f64() * 1e3;
    if ended.as_ref().is_ok_and(std::process::ExitStatus::success) {
        return Ok(Took { wall, processor: processor()? - before });
    }
    Err(Failure::Plain(format!("{command:?} ended with {ended:?}")))
}

/// Milliseconds of the processor that all programs had that ended so far.
fn processor() -> Result<f64, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|cause| Failure::Plain(cause.to_string()))?;
    let (user, system) = (usage.user_time(), usage.system_time());
    let milliseconds = |seconds: i64, micros: i64| seconds as f64 * 1e3 + micros as f64 / 1e3;
    Ok(milliseconds(user.tv_sec() + system.tv_sec(), user.tv_usec() + system.tv_usec()))
}

/// Where a text stands in a file.
fn places(content: &[u8], text: &[u8]) -> Vec<usize> {
    let starts = content.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
    starts.map(|(at, _)| at).collect()
}

/// Writes a text of the same length over these places: nothing in the file moves.
fn replace(content: &mut [u8], places: &[usize], text: &[u8]) {
    places.iter().for_each(|at| content[*at..at + text.len()].copy_from_slice(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_when_names_are_replaced() {
        let mut content = *b"a demo, demodem";
        let found = places(&content, b"demo");
        assert_eq!(found, [2, 8]);
        replace(&mut content, &found, b"m001");
        assert_eq!(&content, b"a m001, m001dem");
    }

    #[test]
    fn the_least_is_of_each_kind_of_time() {
        let mut least = Least::none();
        least.take(Took { wall: 3.0, processor: 2.0 });
        least.take(Took { wall: 4.0, processor: 1.0 });
        assert_eq!(least.to_string(), "3.0 ms, 1.0 of the processor");
    }
}
