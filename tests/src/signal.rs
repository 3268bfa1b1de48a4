//! Signals that reach a program when it can answer them.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// Waits until a program has a handler for a signal that it answers by taking back what it began. A busy machine may
/// start it late; before, it would die of the signal like any program.
pub(crate) fn wait_until_answered(pid: Pid, signal: Signal) {
    if !matches!(signal, Signal::SIGHUP | Signal::SIGINT | Signal::SIGTERM) {
        return;
    }
    let patience = Instant::now() + Duration::from_secs(20);
    while Instant::now() < patience && catches(pid, signal) == Some(false) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process has a handler for a signal; nothing of one that ended.
fn catches(pid: Pid, signal: Signal) -> Option<bool> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    if status.lines().any(|line| line.starts_with("State:\tZ")) {
        return None;
    }
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
    Some(caught & (1 << (signal as i32 - 1)) != 0)
}
