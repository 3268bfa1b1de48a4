//! CTRL+C, `kill` and a lost terminal as a flag that work looks at, instead of death in the middle of it.
//!
//! After [`install`], SIGINT, SIGTERM and SIGHUP set a flag and make a pipe readable. Long work calls [`check`] between
//! its steps; running tools are watched together with the pipe (see [`crate::system::command`]). What follows, undoing
//! and leaving with the exit code, is the caller's.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::cancel;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The signals that ask for an orderly stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: CTRL+C in the terminal.
    Interrupt,
    /// SIGTERM: `kill`, or the machine shuts down.
    Terminate,
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// No signal: the program that uses the library cancelled this action.
    Cancelled,
}

impl StopSignal {
    const SIGNALS: [(Self, i32); 3] =
        [(Self::Interrupt, SIGINT), (Self::Terminate, SIGTERM), (Self::Hangup, SIGHUP)];
}

/// Somebody asked for an orderly stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", match .signal {
    StopSignal::Interrupt => "interrupted by CTRL+C",
    StopSignal::Terminate => "interrupted by SIGTERM",
    StopSignal::Hangup => "interrupted by the end of the terminal (SIGHUP)",
    StopSignal::Cancelled => "cancelled",
})]
pub struct Interrupted {
    /// What asked for it.
    pub signal: StopSignal,
}

impl Interrupted {
    /// What the program exits with: 130, 143 or 129, as a shell reports death by that signal; 130 for what was cancelled.
    pub fn exit_code(self) -> u8 {
        match self.signal {
            StopSignal::Interrupt | StopSignal::Cancelled => 130,
            StopSignal::Terminate => 143,
            StopSignal::Hangup => 129,
        }
    }
}

struct Handlers {
    /// The number of the signal that came last; 0 for none.
    pending: Arc<AtomicUsize>,
    pipe: PipeReader,
}

static HANDLERS: OnceLock<Handlers> = OnceLock::new();

/// Turns the three signals into a flag from now on; the second call does nothing. Signals that the program was started
/// to ignore (`nohup`, background jobs of a script) stay ignored.
///
/// # Errors
/// When the system refuses a pipe or a handler.
pub fn install() -> io::Result<()> {
    if HANDLERS.get().is_some() {
        return Ok(());
    }
    let pending = Arc::new(AtomicUsize::new(0));
    let (pipe, writer) = io::pipe()?;
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // A process that calls this twice at once gets handlers twice and keeps the first flag: harmless, and only in tests.
    let ignored = ignored_signals();
    for (_, number) in StopSignal::SIGNALS {
        if ignored & (1_u64 << (number - 1)) != 0 {
            continue;
        }
        // The flag first: who is woken by the pipe finds it set.
        let value = usize::try_from(number).unwrap_or(0);
        signal_hook::flag::register_usize(number, Arc::clone(&pending), value)?;
        signal_hook::low_level::pipe::register(number, writer.try_clone()?)?;
    }
    let _ = HANDLERS.set(Handlers { pending, pipe });
    Ok(())
}

/// Fails when a stop was asked for since the start or the last [`reset`], or by a handle of this thread. To be called between steps of long work.
///
/// # Errors
/// The stop that was asked for.
pub fn check() -> Result<(), Interrupted> {
    let pending = HANDLERS.get().map_or(0, |handlers| handlers.pending.load(Ordering::SeqCst));
    match StopSignal::SIGNALS.into_iter().find(|(_, number)| usize::try_from(*number) == Ok(pending)) {
        Some((signal, _)) => Err(Interrupted { signal }),
        None if cancel::is_asked_for() => Err(Interrupted { signal: StopSignal::Cancelled }),
        None => Ok(()),
    }
}

/// Tells, on any thread, whether what this thread does is to stop. For helpers of its work: the handles of a thread are its own.
pub fn of_this_thread() -> impl Fn() -> bool + Send + 'static {
    let handles = cancel::watched();
    move || check().is_err() || handles.iter().any(cancel::Cancel::is_cancelled)
}

/// Forgets a stop that was asked for and dealt with, as the menu does when it is back at its main page.
pub fn reset() {
    if let Some(handlers) = HANDLERS.get() {
        let mut buffer = [0; 64];
        while matches!((&handlers.pipe).read(&mut buffer), Ok(count) if count > 0) {}
        handlers.pending.store(0, Ordering::SeqCst);
    }
}

/// Readable from the moment a stop is asked for until [`reset`]; for `poll`. Nobody may read from it.
/// `None` when [`install`] was not called.
pub fn poll_fd() -> Option<BorrowedFd<'static>> {
    HANDLERS.get().map(|handlers| handlers.pipe.as_fd())
}

/// All that become readable when a stop is asked for: of the process, or of this thread.
pub(crate) struct StopFds(Vec<cancel::Cancel>);

impl StopFds {
    /// Those of this thread.
    pub(crate) fn of_this_thread() -> Self {
        Self(cancel::watched())
    }

    /// For `poll`. Nobody may read from them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        poll_fd().into_iter().chain(self.0.iter().map(AsFd::as_fd))
    }
}

/// The set of ignored signals, bit `n - 1` for signal `n`.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::test_support::{helper, is_helper};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    fn readable() -> bool {
        let mut fds = [PollFd::new(poll_fd().unwrap(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap() > 0
    }

    #[test]
    fn a_signal_is_seen_until_it_is_reset_and_has_its_exit_code() {
        // Signals are the whole process': in this one other tests would be interrupted.
        if is_helper("signals").is_none() {
            let name = "system::interrupt::tests::a_signal_is_seen_until_it_is_reset_and_has_its_exit_code";
            assert!(helper(name, "signals", "").status().unwrap().success());
            return;
        }
        install().unwrap();
        install().unwrap();
        reset();
        assert_eq!(check(), Ok(()));
        for (number, code) in [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] {
            assert!(!readable());
            signal_hook::low_level::raise(number).unwrap();
            assert_eq!(check().unwrap_err().exit_code(), code);
            assert!(readable());
            assert!(check().is_err(), "looking does not forget");
            reset();
            assert_eq!(check(), Ok(()));
        }
        assert!(!readable());
    }
}
