//! How runs of tools end badly.

use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::system::interrupt::Interrupted;

/// How a tool ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit status.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Ending::Code(code) => write!(f, "exit status {code}"),
            Ending::Signal(number) => match nix::sys::signal::Signal::try_from(number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
        }
    }
}

/// Why a tool did not do its work. Messages name the tool; the last lines it printed are below them.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The tool is not on this machine.
    #[error("cannot run {tool}: it is not installed{}", match .package {
        Some(package) => format!(" (Debian package {package})"),
        None => String::new(),
    })]
    Missing {
        /// The tool's name.
        tool: String,
        /// The Debian package that has it, where known.
        package: Option<&'static str>,
    },
    /// The tree has no such program, or not the directory it should run in.
    #[error("cannot run {tool} in {tree}: it is not installed in that tree")]
    MissingInTree {
        /// The program's name.
        tool: String,
        /// The tree.
        tree: Utf8PathBuf,
    },
    /// The system refused to start it.
    #[error("cannot start {tool}")]
    Start {
        /// The tool's name.
        tool: String,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// Its private namespaces and mounts could not be made.
    #[error("cannot run {tool} isolated: {step}")]
    Isolation {
        /// The tool's name.
        tool: String,
        /// What was tried, or what is wrong with the tree.
        step: String,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// Running inside a tree takes mounts, and mounts take root.
    #[error("cannot run {tool} in {tree}: that needs root")]
    NeedsRoot {
        /// The tool's name.
        tool: String,
        /// The tree.
        tree: Utf8PathBuf,
    },
    /// Root in a container that was given no right to make namespaces and mounts.
    #[error(
        "cannot run {tool} for {tree}: this container has no right to make namespaces and mounts (SYS_ADMIN), without which \
         programs of the tree could reach the server"
    )]
    NeedsMounts {
        /// The tool's name.
        tool: String,
        /// The tree.
        tree: Utf8PathBuf,
    },
    /// It ran and failed.
    #[error("{tool} failed: {ending}{}", indented(.last_lines))]
    Failed {
        /// The tool's name.
        tool: String,
        /// How it ended.
        ending: Ending,
        /// The last lines of its output, oldest first.
        last_lines: Vec<String>,
    },
    /// A stop was asked for; the tool and its descendants are dead.
    #[error("{tool} was stopped: {interrupted}")]
    Interrupted {
        /// The tool's name.
        tool: String,
        /// Who asked.
        #[source]
        interrupted: Interrupted,
    },
    /// It took longer than it may; it and its descendants are dead.
    #[error("{tool} was stopped: not done after {} s{}", .limit.as_secs(), indented(.last_lines))]
    TimedOut {
        /// The tool's name.
        tool: String,
        /// How long it had.
        limit: Duration,
        /// The last lines of its output, oldest first.
        last_lines: Vec<String>,
    },
    /// It printed more than is read of it; it and its descendants are dead.
    #[error("{tool} was stopped: it printed more than {limit} bytes")]
    OutputTooLong {
        /// The tool's name.
        tool: String,
        /// How much is read.
        limit: usize,
    },
    /// Talking to it failed.
    #[error("cannot follow {tool}")]
    Follow {
        /// The tool's name.
        tool: String,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
}

impl CommandError {
    /// The stop that was asked for, when that is why the tool did not end well.
    pub fn interrupted(&self) -> Option<Interrupted> {
        match self {
            CommandError::Interrupted { interrupted, .. } => Some(*interrupted),
            _ => None,
        }
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  | {line}")).collect()
}
