//! Runs external tools: arguments as a vector, output live and kept, every ending looked at, nothing left behind.
//!
//! ```no_run
//! use disklessset_core::system::command::Tool;
//!
//! let done = Tool::new("mksquashfs").args(["tree", "squashfs.img", "-comp", "zstd"]).run()?;
//! # Ok::<(), disklessset_core::system::command::CommandError>(())
//! ```

use std::ffi::OsStr;
use std::fs::File;
use std::time::Duration;

use camino::Utf8Path;

mod child;
mod confine;
mod error;
mod filter;
mod interactive;
mod isolation;
mod lines;
pub(crate) mod logged;
pub(in crate::system) mod made_up;
mod output;
mod packages;
mod places;
mod public_root;
mod rights;
mod run;
mod server_root;
mod start;
mod tree_root;

pub use disklessset_system::programs::find;
pub use error::{CommandError, Ending};
pub use isolation::{Access, Chroot, Installing, Isolation, NameResolution, Public};
#[cfg(test)]
pub(crate) use packages::debian_package;
pub use rights::Rights;
use start::Plan;

/// A tool to run once. Its environment is ours alone: a fixed `PATH`, `LC_ALL=C.UTF-8`, `HOME=/root`,
/// `DEBIAN_FRONTEND=noninteractive` and what [`env`](Tool::env) names; nothing of the user's leaks in.
#[must_use = "a tool does nothing until it is run"]
pub struct Tool<'a> {
    plan: Plan,
    stdin: Stdin,
    stdout: Stdout,
    log: Option<&'a File>,
    on_line: Option<&'a mut dyn FnMut(&str)>,
    on_display: Option<&'a mut dyn FnMut(&str)>,
    accepted: Vec<i32>,
    limits: Limits,
}

/// What stops a tool before its end.
#[derive(Debug, Clone, Copy)]
struct Limits {
    time: Option<Duration>,
    /// Signals to this process.
    signals: bool,
}

/// Where a tool's input comes from.
enum Stdin {
    Empty,
    Data(Vec<u8>),
    File(File),
}

/// Where a tool's standard output goes.
enum Stdout {
    Lines,
    Capture(usize),
    File(File),
}

/// A run that ended as it should.
#[derive(Debug)]
pub struct Finished {
    /// The exit status: 0, or one that was [accepted](Tool::accept).
    pub code: i32,
    /// What it printed, when that was [captured](Tool::capture_stdout); else empty.
    pub stdout: Vec<u8>,
    /// The last lines it printed, oldest first.
    pub last_lines: Vec<String>,
    /// How long it took.
    pub duration: Duration,
}

impl<'a> Tool<'a> {
    /// A tool by its name, or by its path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Tool {
            plan: Plan {
                program: program.as_ref().to_owned(),
                args: Vec::new(),
                env: Vec::new(),
                current_dir: None,
                isolation: Isolation::default(),
            },
            stdin: Stdin::Empty,
            stdout: Stdout::Lines,
            log: None,
            on_line: None,
            on_display: None,
            accepted: Vec::new(),
            limits: Limits { time: None, signals: true },
        }
    }

    /// This program itself, from the file that runs: a package may have put another one in its place meanwhile.
    pub fn this_program() -> Self {
        Self::new("/proc/self/exe")
    }

    /// Appends one argument. Arguments are seen by every user of the machine: no secrets.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.plan.args.push(arg.as_ref().to_owned());
        self
    }

    /// Appends arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.plan.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.plan.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs it in a directory; with [`Isolation::Chroot`] one of the tree's. Otherwise it runs in `/`.
    pub fn current_dir(mut self, path: impl AsRef<Utf8Path>) -> Self {
        self.plan.current_dir = Some(path.as_ref().to_owned());
        self
    }

    /// Gives it these bytes to read: the way for secrets. Without, it reads nothing.
    pub fn stdin_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.stdin = Stdin::Data(data.into());
        self
    }

    /// Gives it a file to read.
    pub fn stdin_file(mut self, file: File) -> Self {
        self.stdin = Stdin::File(file);
        self
    }

    /// Keeps what it prints on its standard output, at most so many bytes (more is an error), instead of treating it as
    /// lines for the log. What it prints on standard error goes to the log all the same.
    pub fn capture_stdout(mut self, max_bytes: usize) -> Self {
        self.stdout = Stdout::Capture(max_bytes);
        self
    }

    /// Sends its standard output to a file.
    pub fn stdout_file(mut self, file: File) -> Self {
        self.stdout = Stdout::File(file);
        self
    }

    /// Appends the command line and what it prints to a log, at most 16 MiB of it and in any case the last lines.
    pub fn log_to(mut self, log: &'a File) -> Self {
        self.log = Some(log);
        self
    }

    /// Hands over what a progress display shows that draws over itself, each time that something is read of it.
    pub fn on_display(mut self, sink: &'a mut dyn FnMut(&str)) -> Self {
        self.on_display = Some(sink);
        self
    }

    /// Hands over each line the moment it is printed, without control characters. Of a progress display that draws over
    /// itself only the last state is a line.
    pub fn on_line(mut self, sink: &'a mut dyn FnMut(&str)) -> Self {
        self.on_line = Some(sink);
        self
    }

    /// Keeps it apart from the machine; [`Isolation::Private`] unless said otherwise.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.plan.isolation = isolation;
        self
    }

    /// Takes these exit statuses, too, as a good ending (0 always is one).
    pub fn accept(mut self, codes: &[i32]) -> Self {
        self.accepted.extend_from_slice(codes);
        self
    }

    /// Stops it when it is not done by then.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limits.time = Some(limit);
        self
    }

    /// Lets it come to its end though a signal asks us to stop: for what takes a moment, and is part of stopping in good order.
    pub fn despite_signals(mut self) -> Self {
        self.limits.signals = false;
        self
    }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
