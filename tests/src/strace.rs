//! Faults at the N-th system call of a kind, put there by strace: the program under test helps in no way.
//!
//! A run without a fault is recorded first: it tells which calls there are, and at which of them something can go wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::root::TestRoot;
use crate::run::{Outcome, Program};

/// Calls that change something on disk, or make a change durable.
const CHANGING: [&str; 34] = [
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "openat",
    "openat2",
    "creat",
    "write",
    "writev",
    "pwrite64",
    "copy_file_range",
    "sendfile",
    "fallocate",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchown",
    "utimensat",
    "fsync",
    "fdatasync",
    "syncfs",
    "mount",
    "umount2",
];

/// Calls that need room on the disk, apart from opening a file.
const FILLING: [&str; 12] = [
    "mkdir",
    "mkdirat",
    "write",
    "writev",
    "pwrite64",
    "copy_file_range",
    "fallocate",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "rename",
];

/// Calls that give, take or swap names, and those that make a change durable.
const DURABLE: [&str; 10] =
    ["rename", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat", "fsync", "fdatasync", "syncfs"];

/// One call of a recorded run that changed something below the test root.
#[derive(Debug, Clone)]
pub struct Call {
    /// The name of the system call.
    pub name: String,
    /// Which call of that name it was, from 1: of all, or of the one thread that was looked at.
    pub nth: usize,
    /// The line strace wrote, for messages.
    pub line: String,
    /// How many calls of each name there had been before.
    before: BTreeMap<String, usize>,
    whose: Whose,
}

impl Call {
    /// The call of the same name before it. A program that was slower while it was recorded told its progress once more, and
    /// has a call less when it is fast.
    #[must_use]
    pub fn earlier(&self) -> Self {
        Self { nth: self.nth.saturating_sub(1).max(1), ..self.clone() }
    }
}

/// Whose calls are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Those of the program, its threads and all that it runs. Faults are counted for each of them by itself: where several
    /// are at work, another one may meet the fault, or none.
    Everyones,
    /// Those of the program's first thread, which is the one that decides. What it runs is not disturbed, and every fault
    /// comes where it is put.
    Own,
}

/// For how long calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// One call fails.
    Once,
    /// From that call on every call that needs what is lacking fails, opening files excepted.
    ForGood,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} number {}: {}", self.name, self.nth, self.line)
    }
}

/// Runs a program to its end and lists, in order, the calls with which it changed something below the root.
pub fn record(root: &TestRoot, program: Program) -> (Outcome, Vec<Call>) {
    recorded(root, &root.path(), program, Whose::Everyones)
}

/// The same for what the program does itself: neither the tools it runs nor threads that help it.
pub fn record_own(root: &TestRoot, program: Program) -> (Outcome, Vec<Call>) {
    record_own_below(root, &root.path(), program)
}

/// The same for what is changed below another directory.
pub fn record_own_below(root: &TestRoot, below: &Utf8Path, program: Program) -> (Outcome, Vec<Call>) {
    recorded(root, below, program, Whose::Own)
}

/// Runs a program and counts the calls of these names that it, its threads and its tools made.
pub fn count(root: &TestRoot, program: Program, names: &[&str]) -> (Outcome, usize) {
    let trace = trace_file(root);
    let set = format!("trace={}", names.join(","));
    let outcome = program.behind("strace", &arguments(Whose::Everyones, &trace, &[&set])).run();
    let text = std::fs::read_to_string(&trace).unwrap_or_else(|cause| panic!("no trace {trace}: {cause}"));
    let _ = std::fs::remove_file(&trace);
    // A call that another process came between has two lines.
    (outcome, text.lines().filter(|line| line.contains('(') && !line.contains("resumed>")).count())
}

/// The calls that make something durable.
pub const FLUSHES: [&str; 3] = ["fsync", "fdatasync", "syncfs"];

fn recorded(root: &TestRoot, below: &Utf8Path, program: Program, whose: Whose) -> (Outcome, Vec<Call>) {
    let trace = trace_file(root);
    let set = format!("trace={}", CHANGING.map(|name| format!("?{name}")).join(","));
    let outcome = program.behind("strace", &arguments(whose, &trace, &[&set])).run();
    let text = std::fs::read_to_string(&trace).unwrap_or_else(|cause| panic!("no trace {trace}: {cause}"));
    let _ = std::fs::remove_file(&trace);
    (outcome, calls_in(&text, below, whose))
}

/// The program, killed when it is about to make a call.
pub fn killed_at(program: Program, call: &Call) -> Program {
    injected(program, call.whose, &[format!("inject={}:signal=SIGKILL:when={}", call.name, call.nth)])
}

/// The program, sent a signal (`SIGINT`) when it is about to make a call, which it makes all the same unless that kills it.
pub fn signalled_at(program: Program, call: &Call, signal: &str) -> Program {
    injected(program, call.whose, &[format!("inject={}:signal={signal}:when={}", call.name, call.nth)])
}

/// The program, whose call fails with an error (`ENOSPC`).
pub fn failing_at(program: Program, call: &Call, error: &str, lasting: Lasting) -> Program {
    let mut faults = vec![format!("inject={}:error={error}:when={}", call.name, call.nth)];
    if lasting == Lasting::ForGood {
        faults.clear();
        let kinds: &[&str] = if error == "ENOSPC" { &FILLING } else { &["write", "fsync", "fdatasync"] };
        if !kinds.contains(&call.name.as_str()) {
            faults.push(format!("inject={}:error={error}:when={}", call.name, call.nth));
        }
        for kind in kinds {
            let from = call.before.get(*kind).copied().unwrap_or(0) + 1;
            faults.push(format!("inject={kind}:error={error}:when={from}+"));
        }
    }
    injected(program, call.whose, &faults)
}

/// The program, which takes a while when it is about to make a call.
pub fn slow_at(program: Program, call: &Call, time: Duration) -> Program {
    let delay = time.as_micros();
    injected(program, call.whose, &[format!("inject={}:delay_enter={delay}:when={}", call.name, call.nth)])
}

/// The program, which takes a while before each call that changes names or makes a change durable: time to look at the disk.
pub fn slow_at_durable_steps(program: Program, time: Duration) -> Program {
    let delay = format!("delay_enter={}", time.as_micros());
    injected(program, Whose::Everyones, &DURABLE.map(|name| format!("inject={name}:{delay}")))
}

/// The program, of whose tools one is killed when it is about to become that tool.
pub fn killed_at_exec(program: Program, tool: &Utf8Path) -> Program {
    let fixed = ["-f", "-qq", "-e", "signal=none", "-o", "/dev/null", "-P", tool.as_str()];
    program.behind(
        "strace",
        &[&fixed[..], &["-e", "trace=execve", "-e", "inject=execve:signal=SIGKILL"]].concat(),
    )
}

/// The program on a disk that makes nothing durable and says it did.
pub fn with_lying_disk(program: Program) -> Program {
    injected(
        program,
        Whose::Everyones,
        &["fsync", "fdatasync", "syncfs"].map(|name| format!("inject={name}:retval=0")),
    )
}

fn injected(program: Program, whose: Whose, faults: &[String]) -> Program {
    let names: Vec<_> =
        faults.iter().filter_map(|fault| fault.strip_prefix("inject=")?.split(':').next()).collect();
    let trace = format!("trace={}", names.join(","));
    let all: Vec<&str> = std::iter::once(trace.as_str()).chain(faults.iter().map(String::as_str)).collect();
    program.behind("strace", &arguments(whose, &Utf8PathBuf::from("/dev/null"), &all))
}

// Not with --seccomp-bpf: with it strace 6.1 puts no fault anywhere, and says nothing.
fn arguments(whose: Whose, trace: &Utf8Path, expressions: &[&str]) -> Vec<String> {
    let follow = (whose == Whose::Everyones).then_some("-f");
    let fixed = ["-qq", "-y", "-s", "64", "-e", "signal=none", "-o", trace.as_str()];
    let expressions = expressions.iter().flat_map(|expression| ["-e", expression]);
    follow.into_iter().chain(fixed).chain(expressions).map(str::to_owned).collect()
}

fn trace_file(root: &TestRoot) -> Utf8PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    root.beside().join(format!("trace-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Lines are `4711 mkdir("/path", 0700) = 0`, without the number where only one thread is looked at; descriptors are shown
/// with their path.
fn calls_in(trace: &str, below: &Utf8Path, whose: Whose) -> Vec<Call> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let rest = match whose {
            Whose::Everyones => line.split_once(' ').map_or("", |(_, rest)| rest.trim_start()),
            Whose::Own => line,
        };
        let Some((name, arguments)) = rest.split_once('(') else { continue };
        // The second half of a call that another process came between has no name in this place.
        if name.contains(' ') {
            continue;
        }
        let before = counts.clone();
        let nth = counts.entry(name.to_owned()).or_default();
        *nth += 1;
        let opens = name.starts_with("openat");
        let writes = ["O_CREAT", "O_WRONLY", "O_RDWR"].iter().any(|flag| arguments.contains(flag));
        if arguments.contains(below.as_str()) && (!opens || writes) {
            calls.push(Call { name: name.to_owned(), nth: *nth, line: rest.to_owned(), before, whose });
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "7 openat(AT_FDCWD</h>, \"/r/a\", O_RDONLY) = 3</r/a>\n\
                         7 openat(AT_FDCWD</h>, \"/r/b\", O_WRONLY|O_CREAT, 0600) = 3</r/b>\n\
                         7 write(2<pipe:[1]>, \"x\"..., 1) = 1\n\
                         7 write(3</r/b>, \"x\"..., 1) = 1\n";

    #[test]
    fn calls_are_counted_by_name_and_those_elsewhere_are_left_out() {
        let calls = calls_in(TRACE, Utf8Path::new("/r"), Whose::Everyones);
        let seen: Vec<_> = calls.iter().map(|call| (call.name.as_str(), call.nth)).collect();
        assert_eq!(seen, [("openat", 2), ("write", 2)]);
        assert_eq!(calls[1].before["openat"], 2);
        let without_numbers = TRACE.replace("7 ", "");
        let own = calls_in(&without_numbers, Utf8Path::new("/r"), Whose::Own);
        assert_eq!(own.iter().map(|call| (call.name.as_str(), call.nth)).collect::<Vec<_>>(), seen);
    }

    #[test]
    fn a_fault_of_one_s_own_spares_the_tools() {
        crate::need!(crate::need::tool("strace"));
        let root = TestRoot::bare();
        let path = |name: &str| root.path().join(name).into_string();
        let script = format!("mkdir {0}; : >{1}; : >{2}", path("a"), path("b"), path("c"));
        let sh = || root.tool("sh", &["-c", &script]);
        let (outcome, calls) = record_own(&root, sh());
        let _ = outcome.expect_done();
        let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["openat", "openat"], "mkdir is another program");
        for name in ["b", "c"] {
            std::fs::remove_file(path(name)).unwrap();
        }
        std::fs::remove_dir(path("a")).unwrap();
        let died = killed_at(sh(), &calls[1]).run();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&died.status), Some(9), "{died}");
        let there = ["a", "b", "c"].map(|name| Utf8PathBuf::from(path(name)).exists());
        assert_eq!(there, [true, true, false]);
    }

    #[test]
    fn a_fault_comes_where_it_is_put() {
        crate::need!(crate::need::tool("strace"));
        let root = TestRoot::bare();
        let touch = || root.tool("touch", &[root.path().join("file").as_str()]);
        let (outcome, calls) = record(&root, touch());
        let _ = outcome.expect_done();
        // It makes the file, and sets its time.
        let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["openat", "utimensat"]);
        std::fs::remove_file(root.path().join("file")).unwrap();
        let died = killed_at(touch(), &calls[0]).run();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&died.status), Some(9), "{died}");
        let full = failing_at(touch(), &calls[0], "ENOSPC", Lasting::Once).run();
        let _ = full.expect_code(1).expect_said("No space left");
        assert!(!root.path().join("file").exists());
        let slow = slow_at(touch(), &calls[0], Duration::from_millis(300)).run().expect_done();
        assert!(slow.took >= Duration::from_millis(300), "{:?}", slow.took);
    }
}
