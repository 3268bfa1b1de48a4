//! Runs a program on the user's own terminal: a shell inside a tree.

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsRawFd;
use std::process::Stdio;

use super::child::Session;
use super::start::Streams;
use super::{CommandError, Ending, Tool};
use crate::system::syscalls::take_terminal;

impl Tool<'_> {
    /// Runs the program with our standard streams and waits for its end; how it ended is told, not judged. While it
    /// runs, CTRL+C is its own affair. `TERM` is passed on.
    ///
    /// # Errors
    /// Only when it cannot be started: a shell may end with any status.
    pub fn run_interactive(mut self) -> Result<Ending, CommandError> {
        if let Some(terminal) = std::env::var_os("TERM") {
            self.plan.env.insert(0, ("TERM".into(), terminal));
        }
        // Without a terminal the process stays in our group, so that whoever stops us stops it.
        let terminal = std::io::stdin().is_terminal().then(|| File::open("/dev/tty").ok()).flatten();
        let session = match (&terminal, self.plan.is_isolated()?) {
            (Some(terminal), true) => Session::Foreground(terminal.as_raw_fd()),
            _ => Session::Shared,
        };
        let plan = &self.plan;
        let ending = std::thread::scope(|scope| {
            let keeper = scope.spawn(move || {
                let streams =
                    Streams { stdin: Stdio::inherit(), stdout: Stdio::inherit(), stderr: Stdio::inherit() };
                let started = plan.start(streams, session)?;
                started.wait().map_err(|source| CommandError::Follow { tool: plan.name(), source })
            });
            keeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        if let Some(terminal) = terminal {
            take_terminal(terminal);
        }
        ending
    }
}
