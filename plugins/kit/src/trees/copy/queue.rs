//! Directories that wait for a thread. Short on purpose: a thread that finds it full goes into the directory itself.

use super::{copy_error::CopyError, walk::Node};
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Directories that wait at most, unless the tree is very deep.
const ENOUGH: usize = 16;

#[derive(Default)]
struct State {
    waiting: Vec<Arc<Node>>,
    /// Directories that a thread is at.
    busy: usize,
    fault: Option<CopyError>,
    stopped: bool,
}

impl State {
    fn is_over(&self) -> bool {
        self.busy == 0 && (self.stopped || self.waiting.is_empty())
    }
}

/// The queue, and the word to stop.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    length: AtomicUsize,
    stopped: AtomicBool,
}

impl Queue {
    /// A queue with the topmost directory in it.
    pub(super) fn new() -> Self {
        let state = State { waiting: vec![Arc::new(Node::top())], ..State::default() };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            length: AtomicUsize::new(1),
            stopped: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next directory, for a thread that calls [`Self::done`] after it. `None` when nothing will come any more.
    pub(super) fn take(&self) -> Option<Arc<Node>> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(node) = state.waiting.pop() {
                state.busy += 1;
                self.length.store(state.waiting.len(), Ordering::Relaxed);
                return Some(node);
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A thread is through with a directory it took, well or not.
    pub(super) fn done(&self, outcome: Result<(), CopyError>) {
        let mut state = self.state();
        state.busy -= 1;
        if let Err(fault) = outcome {
            state.fault.get_or_insert(fault);
            state.stopped = true;
            self.stopped.store(true, Ordering::Relaxed);
        }
        if state.is_over() {
            self.changed.notify_all();
        }
    }

    /// Whether others are short of work.
    pub(super) fn is_short(&self) -> bool {
        self.length.load(Ordering::Relaxed) < ENOUGH
    }

    /// Leaves a directory to whoever takes it.
    pub(super) fn give(&self, node: Arc<Node>) {
        let mut state = self.state();
        state.waiting.push(node);
        self.length.store(state.waiting.len(), Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Waits until all is done, but not longer than this; says whether it is.
    pub(super) fn wait_for_end(&self, longest: Duration) -> bool {
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, longest, |state| !state.is_over());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over()
    }

    /// Has the threads stop soon.
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.stopped.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Whether to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// What went wrong first.
    pub(super) fn fault(&self) -> Option<CopyError> {
        self.state().fault.clone()
    }
}
