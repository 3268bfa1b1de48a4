//! Programs that run as long as a proof does: they die with the thread that started them, and their last words are kept.
#![allow(unsafe_code)]

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread::JoinHandle;

use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};

/// Has what `command` starts killed when the calling *thread* ends, however that comes.
pub(super) fn dies_with_this_thread(command: &mut Command) {
    let parent = getpid();
    // SAFETY: between fork and exec the closure makes three plain system calls (prctl, getppid, and the error's errno),
    // none of which allocates or takes a lock.
    unsafe {
        command.pre_exec(move || die_with(parent));
    }
}

fn die_with(parent: Pid) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The parent may have died before the line above.
    match getppid() == parent {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(nix::libc::ESRCH)),
    }
}

/// Reads `stderr` to its end in a thread of its own, which gives back the last 8 KiB.
pub(super) fn keep_last_words(mut stderr: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut piece) {
            kept.extend_from_slice(&piece[..length]);
            let surplus = kept.len().saturating_sub(8192);
            kept.drain(..surplus);
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}
