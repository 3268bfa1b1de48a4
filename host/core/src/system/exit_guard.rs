//! How the process begins and ends: with a standard output or without one, and with an end that somebody announced.
//!
//! An end that nobody announced is one of others' code: a module, or a library in it, that calls `exit` in the midst of an action. The exit
//! code it gives would be taken for ours, and 0 says that all is done.
#![allow(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nix::libc;

static ANNOUNCED: AtomicBool = AtomicBool::new(false);
/// The process that is watched; a child of a module's own may end as it likes.
static WATCHED: AtomicU32 = AtomicU32::new(0);
/// Who is at work, innermost last.
static AT_WORK: Mutex<Vec<String>> = Mutex::new(Vec::new());

unsafe extern "C" {
    fn at_quick_exit(function: extern "C" fn()) -> libc::c_int;
}

/// Set before `main`, where the standard library opens `/dev/null` in the place of what is closed.
static STDOUT_CLOSED: AtomicBool = AtomicBool::new(false);

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = look_at_stdout;

extern "C" fn look_at_stdout() {
    // SAFETY: a system call on integers.
    let closed = unsafe { libc::fcntl(1, libc::F_GETFD) } < 0;
    STDOUT_CLOSED.store(closed, Ordering::Relaxed);
}

/// Whether the program was started without a standard output: data that is printed would be lost and nobody be told.
pub fn stdout_was_closed() -> bool {
    STDOUT_CLOSED.load(Ordering::Relaxed)
}

/// From now on an end that was not [announced](announce) is a failure, and told.
pub fn watch() {
    WATCHED.store(std::process::id(), Ordering::SeqCst);
    // SAFETY: the function lives as long as the program, which is never unloaded. Without memory for another function nothing is
    // watched, which stops nobody.
    unsafe {
        libc::atexit(at_exit);
        at_quick_exit(at_exit);
    }
}

/// The end that comes now is ours.
pub fn announce() {
    ANNOUNCED.store(true, Ordering::SeqCst);
}

/// Others' code at work, until it is dropped.
#[derive(Debug)]
pub(crate) struct AtWork(());

impl AtWork {
    /// Names what is at work: `module demo, step create`.
    pub(crate) fn begin(what: String) -> Self {
        if let Ok(mut all) = AT_WORK.lock() {
            all.push(what);
        }
        Self(())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Ok(mut all) = AT_WORK.lock() {
            all.pop();
        }
    }
}

extern "C" fn at_exit() {
    if ANNOUNCED.load(Ordering::SeqCst) || WATCHED.load(Ordering::SeqCst) != std::process::id() {
        return;
    }
    // Another thread may be at it at this moment: then nobody is named.
    let who = AT_WORK.try_lock().ok().and_then(|all| all.last().cloned());
    let who = who.unwrap_or_else(|| "a module, or a library in it".to_owned());
    let text = format!(
        "error: disklessset was ended in the midst of its work: {who} called exit\n\
         hint: `disklessset clean` takes back what was begun; tell the module's author\n"
    );
    // SAFETY: the text lives through the call; nothing is to be done where nobody reads it. `_exit` runs no more functions.
    unsafe {
        libc::write(2, text.as_ptr().cast(), text.len());
        libc::_exit(1);
    }
}
