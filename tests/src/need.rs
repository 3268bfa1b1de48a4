//! What a test needs of the machine. A test that cannot run says so and is counted as skipped, never as passed.
//!
//! libtest knows no "skipped at run time", so a test that returns early leaves a file in the directory that
//! [`SKIPS`] names; `cargo xtask test` takes these off the passed ones. Without the directory the reason is printed.
//! What a test has to tell though it passes goes the same way, since libtest shows nothing of a test that passed.

use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

/// The environment variable with the directory that collects what was skipped.
pub const SKIPS: &str = "DISKLESSSET_SKIPS";
/// The environment variable that, set to `1`, lets the long tests run.
pub const FULL: &str = "DISKLESSSET_FULL";

/// Why a test did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The machine lacks something: counted as skipped.
    Skipped,
    /// It belongs to `--full` and this run is a sample: not counted at all.
    FullOnly,
    /// It ran, and a measurement of it was late once: counted by how it ended.
    Late,
}

impl Kind {
    /// The word at the start of a note's first line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Skipped => "SKIPPED",
            Self::FullOnly => "FULL ONLY",
            Self::Late => "LATE",
        }
    }
}

/// Whether the test may go on.
#[must_use = "a test that does not look at this runs where it cannot"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What it needs is there.
    Go,
    /// It is noted as skipped: return now.
    Skip,
}

/// Returns from a test when a need is not met: `need!(need::root())`.
#[macro_export]
macro_rules! need {
    ($($verdict:expr),+ $(,)?) => {
        $(if $verdict == $crate::need::Verdict::Skip { return; })+
    };
}

/// The test needs to be root.
#[track_caller]
pub fn root() -> Verdict {
    if nix::unistd::geteuid().is_root() { Verdict::Go } else { skip("not root") }
}

/// The test needs a program of the system. Root can install it (`cargo xtask setup --for tests`), so that in CI, as root, its
/// absence is a failure.
#[track_caller]
pub fn tool(name: &str) -> Verdict {
    if find_tool(name).is_some() {
        return Verdict::Go;
    }
    let installable = nix::unistd::geteuid().is_root();
    assert!(!(in_ci() && installable), "{name} is missing: cargo xtask setup --for tests installs it");
    skip(&format!("{name} is not installed"))
}

/// The test takes long and belongs to `cargo xtask test --full`.
#[track_caller]
pub fn full() -> Verdict {
    if std::env::var(FULL).is_ok_and(|value| value == "1") {
        return Verdict::Go;
    }
    note(Kind::FullOnly, "belongs to cargo xtask test --full", Location::caller());
    Verdict::Skip
}

/// Notes the calling test as skipped for a reason of its own (something the machine truly lacks).
#[track_caller]
pub fn skip(reason: &str) -> Verdict {
    note(Kind::Skipped, reason, Location::caller());
    Verdict::Skip
}

/// Says whether this is a CI run, where only what the machine truly lacks may be skipped.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Finds a program of the system, in the directories root's programs and everybody's lie in.
pub fn find_tool(name: &str) -> Option<Utf8PathBuf> {
    crate::run::SYSTEM_PATH.split(':').map(|dir| Utf8Path::new(dir).join(name)).find(|file| file.is_file())
}

/// Notes that a measurement of the calling test was late, and is tried again.
#[track_caller]
pub fn late(miss: &str) {
    note(Kind::Late, miss, Location::caller());
}

#[allow(clippy::print_stderr, reason = "without xtask there is nobody else to count what was skipped")]
fn note(kind: Kind, reason: &str, at: &Location<'_>) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let place = format!("{}:{}", at.file(), at.line());
    let thread = std::thread::current();
    // With one thread libtest runs tests on the main one, whose name says nothing.
    let test = thread.name().filter(|name| *name != "main").unwrap_or(&place);
    let line = format!("{}: {test}: {reason}\n", kind.word());
    match std::env::var(SKIPS) {
        Ok(dir) => {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let file = Utf8Path::new(&dir).join(format!("{}-{count}", std::process::id()));
            write_new(&file, &line).unwrap_or_else(|cause| panic!("cannot note a skip in {file}: {cause}"));
        }
        Err(_) => eprint!("{line}"),
    }
}

fn write_new(file: &Utf8Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::File::create_new(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_found_or_not() {
        assert!(find_tool("env").is_some());
        assert_eq!(find_tool("no-such-program-here"), None);
    }

    #[test]
    fn a_note_is_never_written_twice_into_one_file() {
        let temp = tempfile::tempdir().unwrap();
        let file = Utf8PathBuf::from_path_buf(temp.path().join("1-0")).unwrap();
        write_new(&file, "SKIPPED: a: b\n").unwrap();
        assert!(write_new(&file, "SKIPPED: c: d\n").is_err());
    }
}
