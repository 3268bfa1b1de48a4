//! A stop for what one thread does, beside the signals, which stop the whole process.

use std::{
    cell::RefCell,
    io::{self, PipeReader, PipeWriter, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

thread_local! {
    /// The handles that stop the work of this thread, the innermost last.
    static WATCHED: RefCell<Vec<Cancel>> = const { RefCell::new(Vec::new()) };
}

/// Stops the actions that run under it, from any thread.
///
/// An action that is stopped ends as after a signal: what it did is undone, or, after its commit point, completed; its error has the kind
/// `INTERRUPTED`. Clones are the same handle. A handle stays cancelled: every action that is begun under it later ends at once.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    is_cancelled: AtomicBool,
    /// Readable once it is cancelled, for `poll`; nobody reads from it.
    reader: PipeReader,
    writer: PipeWriter,
}

impl Cancel {
    /// A handle that is not cancelled.
    ///
    /// # Errors
    /// When the system refuses a pipe.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self(Arc::new(Shared { is_cancelled: AtomicBool::new(false), reader, writer })))
    }

    /// Asks for a stop, and returns at once. A tool that is running is ended; all else goes on to its next step first.
    pub fn cancel(&self) {
        // The flag first: who is woken by the pipe finds it set. One byte is enough, and always fits.
        if !self.0.is_cancelled.swap(true, Ordering::SeqCst) {
            let _ = (&self.0.writer).write(&[0]);
        }
    }

    /// Whether a stop was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::SeqCst)
    }

    /// Does work on this thread that the handle stops. Other threads that the work starts are not stopped by it.
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let _watching = Watching::begin(self.clone());
        work()
    }
}

/// The handle is off again at the end, after a panic, too.
struct Watching;

impl Watching {
    fn begin(cancel: Cancel) -> Self {
        WATCHED.with_borrow_mut(|watched| watched.push(cancel));
        Self
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        WATCHED.with_borrow_mut(Vec::pop);
    }
}

/// Whether a handle of this thread asks for a stop.
pub(super) fn is_asked_for() -> bool {
    WATCHED.with_borrow(|watched| watched.iter().any(Cancel::is_cancelled))
}

/// The handles of this thread, to wait for.
pub(super) fn watched() -> Vec<Cancel> {
    WATCHED.with_borrow(Clone::clone)
}

impl AsFd for Cancel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.reader.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{
        command::{CommandError, Tool},
        interrupt,
    };
    use std::time::{Duration, Instant};

    #[test]
    fn a_handle_stops_what_runs_under_it_and_nothing_else() {
        let (cancel, other) = (Cancel::new().unwrap(), Cancel::new().unwrap());
        cancel.cancel();
        other.watch(|| {
            assert_eq!(interrupt::check(), Ok(()));
            let stopped = cancel.watch(interrupt::check).unwrap_err();
            assert_eq!((stopped.to_string().as_str(), stopped.exit_code()), ("cancelled", 130));
            assert_eq!(interrupt::check(), Ok(()), "off again after the work");
        });
        assert!(cancel.is_cancelled() && !other.is_cancelled());
    }

    #[test]
    fn a_tool_that_is_running_is_ended_from_another_thread() {
        let cancel = Cancel::new().unwrap();
        let from_outside = cancel.clone();
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            from_outside.cancel();
        });
        let ran = cancel.watch(|| Tool::new("sleep").arg("60").run());
        thread.join().unwrap();
        assert!(matches!(ran, Err(CommandError::Interrupted { .. })), "{ran:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "the tool was waited for");
    }
}
