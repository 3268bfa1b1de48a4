//! Programs that run as long as a proof does: they die with the thread that started them, and their last words are kept.
#![allow(unsafe_code)]

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use disklessset_core::system::leave_callers_surroundings;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};

/// How much of what a program says is kept, in bytes.
const KEPT: usize = 64 * 1024;

/// Has what `command` starts killed when the calling *thread* ends, however that comes.
pub(super) fn dies_with_this_thread(command: &mut Command) {
    let parent = getpid();
    // SAFETY: between fork and exec the closure makes plain system calls only, none of which allocates or takes a lock.
    unsafe {
        command.pre_exec(move || die_with(parent));
    }
}

/// Has what `command` starts leave a core when it crashes, as far as this server allows cores at all.
pub(super) fn leaves_a_core(command: &mut Command) {
    // SAFETY: as above; two plain system calls.
    unsafe {
        command.pre_exec(|| {
            let (_, most) = getrlimit(Resource::RLIMIT_CORE)?;
            Ok(setrlimit(Resource::RLIMIT_CORE, most, most)?)
        });
    }
}

fn die_with(parent: Pid) -> io::Result<()> {
    leave_callers_surroundings();
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The parent may have died before the line above.
    match getppid() == parent {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(nix::libc::ESRCH)),
    }
}

/// The last words of what a program says on its standard error, read by a thread of its own.
#[derive(Debug)]
pub(super) struct LastWords {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl LastWords {
    pub(super) fn of(mut stderr: impl Read + Send + 'static) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let into = kept.clone();
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut piece) {
                let mut kept = locked(&into);
                kept.extend_from_slice(&piece[..length]);
                let surplus = kept.len().saturating_sub(KEPT);
                kept.drain(..surplus);
            }
        });
        Self { kept, reader }
    }

    /// What was said until now.
    pub(super) fn so_far(&self) -> String {
        String::from_utf8_lossy(&locked(&self.kept)).into_owned()
    }

    /// All of it; waits until the program has ended.
    pub(super) fn whole(self) -> String {
        // A reader that panicked has read what it has read.
        let _ = self.reader.join();
        String::from_utf8_lossy(&locked(&self.kept)).into_owned()
    }
}

fn locked(kept: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
