//! The program with failpoints compiled in: the steps it passes, and its end at one of them.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use camino::Utf8PathBuf;

use crate::root::TestRoot;
use crate::run::{self, Outcome, Program};

/// The environment variable by which the program is told what to do at its steps.
const VARIABLE: &str = "DISKLESSSET_FAILPOINTS";

/// A step of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its place among the steps of the operation, from 1.
    pub number: usize,
    /// What was done, such as `file aside: written`.
    pub name: String,
    /// What it was done to: a path, a line, a word of a module.
    pub what: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {} ({})", self.number, self.name, self.what.trim_end())
    }
}

/// Runs a program to its end and tells which steps it passed.
#[track_caller]
pub fn record(root: &TestRoot, program: Program) -> (Outcome, Vec<Step>) {
    let file = steps_file(root);
    let outcome = with(program, format!("record:{file}")).run();
    (outcome, read(&file))
}

/// Runs a program until it is killed at a step; tells which one that was, and how many it passed.
#[track_caller]
pub fn kill(root: &TestRoot, program: Program, number: usize) -> (Outcome, Vec<Step>) {
    let file = steps_file(root);
    let outcome = with(program, format!("kill:{number}:{file}")).run();
    (outcome, read(&file))
}

/// Runs a program that is killed at a step if it has as many; tells which one that was.
#[track_caller]
pub fn kill_if_so_long(root: &TestRoot, program: Program, number: usize) -> Option<Step> {
    use std::os::unix::process::ExitStatusExt;
    let file = steps_file(root);
    let outcome = with(program, format!("kill:{number}:{file}")).run();
    // It may have had nothing to do at all.
    let passed = if file.exists() { read(&file) } else { Vec::new() };
    match outcome.status.signal() {
        Some(9) => passed.last().cloned(),
        _ => {
            let _ = outcome.expect_done();
            None
        }
    }
}

/// A program that is run by another one already, which puts faults into it, has to be this build itself.
fn with(program: Program, request: String) -> Program {
    let plain = program.file() == run::disklessset();
    let program = if plain { program.by(run::disklessset_with_failpoints()) } else { program };
    program.env(VARIABLE, request)
}

fn steps_file(root: &TestRoot) -> Utf8PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    root.beside().join(format!("steps-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

#[track_caller]
fn read(file: &Utf8PathBuf) -> Vec<Step> {
    let text = std::fs::read_to_string(file)
        .unwrap_or_else(|cause| panic!("no step was recorded in {file}: {cause}"));
    let _ = std::fs::remove_file(file);
    let step = |(number, line): (usize, &str)| {
        let (name, what) = line.split_once('\t').unwrap_or_else(|| panic!("{line:?} is no step"));
        Step { number, name: name.to_owned(), what: what.to_owned() }
    };
    (1..).zip(text.lines()).map(step).collect()
}
