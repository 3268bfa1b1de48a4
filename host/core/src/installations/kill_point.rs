//! A point at which this process is killed, told by the journal: how `module check` looks at every step of an action.
//!
//! A process passes two moments with each line it writes: before it, when all that the line before announced has been done,
//! and after it, when nothing of what it announces has.

use std::sync::atomic::{AtomicU64, Ordering};

static PASSED: AtomicU64 = AtomicU64::new(0);
static AT: AtomicU64 = AtomicU64::new(0);

/// Has this process die, as by `kill -9`, at its so-manieth moment from now.
pub fn set(moment: u64) {
    AT.store(PASSED.load(Ordering::SeqCst) + moment, Ordering::SeqCst);
}

/// How many moments this process has passed.
pub fn passed() -> u64 {
    PASSED.load(Ordering::SeqCst)
}

pub(super) fn pass() {
    let now = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if now == AT.load(Ordering::SeqCst) {
        // The signal ends us before the call comes back; where it cannot be sent an abort is as sudden.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        std::process::abort();
    }
}
