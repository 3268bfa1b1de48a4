//! Runs a program on the user's own terminal: a shell inside a tree.

use std::fs::File;
use std::io::{self, IsTerminal, PipeReader};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::child::Session;
use super::run::GRACE;
use super::start::Streams;
use super::{CommandError, Ending, Tool};
use crate::system::interrupt::{self, Interrupted, StopSignal};
use crate::system::process_handle::ProcessHandle;
use crate::system::syscalls::take_terminal;

impl Tool<'_> {
    /// Runs the program with our standard streams and waits for its end; how it ended is told, not judged. While it
    /// runs, CTRL+C is its own affair; SIGTERM and a lost terminal end it. `TERM` is passed on.
    ///
    /// # Errors
    /// When it cannot be started, and when we were told to stop; a shell may end with any status.
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
        let follow_error = |source| CommandError::Follow { tool: plan.name(), source };
        let (ended, end_teller) = io::pipe().map_err(follow_error)?;
        let (sender, receiver) = mpsc::sync_channel(1);
        let (stopped, ending) = std::thread::scope(|scope| {
            let keeper = std::thread::Builder::new().spawn_scoped(scope, move || {
                let streams =
                    Streams { stdin: Stdio::inherit(), stdout: Stdio::inherit(), stderr: Stdio::inherit() };
                let started = plan.start(streams, session)?;
                let _ = sender.send(started.handle());
                let ending =
                    started.wait().map_err(|source| CommandError::Follow { tool: plan.name(), source });
                drop(end_teller);
                ending
            });
            let keeper = match keeper {
                Ok(keeper) => keeper,
                Err(source) => return (None, Err(CommandError::Start { tool: plan.name(), source })),
            };
            let stopped = match receiver.recv().map(|process| process.and_then(ProcessHandle::looked_at)) {
                Ok(Ok(process)) => stop_when_asked(&process, &ended),
                _ => None,
            };
            (stopped, keeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        if let Some(terminal) = terminal {
            take_terminal(terminal);
        }
        match stopped {
            Some(interrupted) => Err(CommandError::Interrupted { tool: plan.name(), interrupted }),
            None => ending,
        }
    }
}

/// Until the program has ended. SIGTERM and SIGHUP are for us and end it; CTRL+C is for it and forgotten here.
fn stop_when_asked(process: &ProcessHandle, ended: &PipeReader) -> Option<Interrupted> {
    let stops = interrupt::StopFds::of_this_thread();
    let mut stopped = None;
    let mut kill_at = None;
    loop {
        let mut watched = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        if stopped.is_none() {
            watched.extend(stops.iter().map(|stop| PollFd::new(stop, PollFlags::POLLIN)));
        }
        let timeout = if kill_at.is_some() { PollTimeout::from(100_u16) } else { PollTimeout::NONE };
        let polled = poll(&mut watched, timeout);
        if polled.is_ok() && watched.first().and_then(PollFd::any).unwrap_or(true) {
            return stopped;
        }
        match interrupt::check() {
            Err(Interrupted { signal: StopSignal::Interrupt }) if stopped.is_none() => interrupt::reset(),
            Err(interrupted) if stopped.is_none() => {
                stopped = Some(interrupted);
                // That it has ended already is as good.
                let _ = process.kill(Signal::SIGTERM);
                kill_at = Some(Instant::now() + GRACE);
            }
            _ => {}
        }
        if kill_at.is_some_and(|at| Instant::now() >= at) {
            let _ = process.kill(Signal::SIGKILL);
        }
    }
}
