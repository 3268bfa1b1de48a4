//! System calls without a safe wrapper in the crates we use; each behind a safe function here.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd};

use nix::libc;

/// For a new process, between fork and exec: what our caller had open, and how private its new files are, is nothing to a
/// program that we run. Descriptors 0 to 2 stay.
pub fn leave_callers_surroundings() {
    // SAFETY: system calls on integers only, as is required between fork and exec. Closing waits for the exec, so that
    // descriptors this process needs until then stay open.
    unsafe {
        libc::umask(0o022);
        if libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) != 0 {
            // A kernel before 5.11. What is beyond the usual limit of descriptors is not looked for.
            for fd in 3..65536 {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
    }
}

/// The version of glibc that this process runs with, such as `2.36`; `None` with another C library.
pub(crate) fn glibc_version() -> Option<String> {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: the function takes nothing, and gives back a text that ends with a zero and lives as long
        // as the process.
        let text = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
        text.to_str().ok().map(str::to_owned)
    }
    #[cfg(not(target_env = "gnu"))]
    None
}

/// Makes our process group the terminal's foreground one again, after a shell had it.
pub(in crate::system) fn take_terminal(terminal: impl AsFd) {
    // A background process that sets the foreground group is stopped by SIGTTOU unless that is blocked.
    // SAFETY: the sets are initialised by sigemptyset before use and outlive the calls; only this thread's mask changes,
    // and it is put back.
    unsafe {
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut blocked);
        libc::sigaddset(&raw mut blocked, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const blocked, &raw mut before);
        libc::tcsetpgrp(terminal.as_fd().as_raw_fd(), libc::getpgrp());
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
}
