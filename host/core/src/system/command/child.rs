//! What happens in a new process between fork and exec: it ties its life to ours and, when isolated, leaves a small
//! init behind.
//!
//! The first process of a pid namespace is special: the kernel ignores signals it has no handler for, and orphans
//! become its children. Tools do not expect that. So the first process stays here as an init of a few lines, and the
//! tool is its child. The init ends as soon as the tool has ended or disklessset is gone, and with it the kernel kills
//! everything in the namespace, daemons included.
//!
//! Only system calls are made here: other threads may have held any lock at the moment of the fork.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

use super::confine::{self, Confinement};
use super::filter;
use crate::system::syscalls;

/// Written to the report pipe in front of an errno when mounting `/proc` failed.
pub(super) const PROC_FAILED: u8 = b'P';
/// Written to the report pipe in front of the tool's wait status.
pub(super) const ENDED: u8 = b'S';

/// How the new process stands to the terminal.
#[derive(Clone, Copy)]
pub(super) enum Session {
    /// A session of its own: CTRL+C reaches us alone, and the tool cannot ask on the terminal.
    Own,
    /// The terminal's foreground process group, for shells. The descriptor is the terminal's.
    Foreground(RawFd),
    /// The session of this program.
    Shared,
}

/// What the new process has to know; descriptors stay open in the parent until it is started.
#[derive(Clone, Copy)]
pub(super) struct ChildSetup {
    pub(super) session: Session,
    /// Our pid, to notice that we died before the child could tie itself to us.
    pub(super) parent: u32,
    pub(super) namespace: Option<Namespace>,
}

/// The descriptors that the init of a pid namespace needs.
#[derive(Clone, Copy)]
pub(super) struct Namespace {
    /// Readable, or hung up, when we have ended.
    pub(super) parent: RawFd,
    /// The pipe on which it reports.
    pub(super) report: RawFd,
    /// What the tool gives up, when it runs code of a tree.
    pub(super) confinement: Option<Confinement>,
}

/// Adds all that to a command.
pub(super) fn prepare(command: &mut Command, setup: ChildSetup) {
    // SAFETY: `setup_child` makes system calls only: it allocates nothing and takes no locks.
    unsafe {
        command.pre_exec(move || setup_child(setup));
    }
}

fn setup_child(setup: ChildSetup) -> io::Result<()> {
    syscalls::leave_callers_surroundings();
    // SAFETY (all calls below): arguments are integers, pointers to locals that outlive the call, or C string literals.
    unsafe {
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
        match setup.namespace {
            None => {
                if u32::try_from(libc::getppid()) != Ok(setup.parent) {
                    libc::_exit(137);
                }
            }
            Some(namespace) => become_grandchild(namespace)?,
        }
        match setup.session {
            Session::Own => {
                check(libc::setsid())?;
            }
            Session::Foreground(terminal) => {
                check(libc::setpgid(0, 0))?;
                let mut stops = signal_set(&[libc::SIGTTOU]);
                libc::sigprocmask(libc::SIG_BLOCK, &raw const stops, std::ptr::null_mut());
                libc::tcsetpgrp(terminal, libc::getpgrp());
                libc::sigemptyset(&raw mut stops);
                libc::sigprocmask(libc::SIG_SETMASK, &raw const stops, std::ptr::null_mut());
            }
            Session::Shared => {}
        }
    }
    Ok(())
}

/// Forks: the first process of the namespace stays as init, the second returns and becomes the tool.
///
/// # Safety
/// To be called between fork and exec, in the first process of a pid namespace.
unsafe fn become_grandchild(namespace: Namespace) -> io::Result<()> {
    // SAFETY: as in `setup_child`; the fork is made by a process of a single thread.
    unsafe {
        let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        let source = c"proc".as_ptr();
        if libc::mount(source, c"/proc".as_ptr(), source, flags, std::ptr::null()) != 0 {
            let error = io::Error::last_os_error();
            report(namespace.report, PROC_FAILED, error.raw_os_error().unwrap_or(0));
            return Err(error);
        }
        if let Some(confinement) = namespace.confinement
            && let Err(error) = confine::cover_proc(confinement)
        {
            report(namespace.report, PROC_FAILED, error.raw_os_error().unwrap_or(0));
            return Err(error);
        }
        let watched = signal_set(&[libc::SIGCHLD, libc::SIGTERM]);
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        // All are blocked: the handlers we inherited belong to disklessset and must not run here.
        check(libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut before))?;
        let signals = check(libc::signalfd(-1, &raw const watched, libc::SFD_CLOEXEC))?;
        match check(libc::fork())? {
            0 => {
                libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
                match namespace.confinement {
                    None => Ok(()),
                    Some(confined) => {
                        confine::give_up_all_but(confined.keeps)?;
                        if confined.filtered { filter::apply() } else { Ok(()) }
                    }
                }
            }
            tool => init(tool, signals, namespace),
        }
    }
}

/// Reaps, passes SIGTERM of disklessset on to the tool's process group, and ends with the tool or with disklessset.
///
/// # Safety
/// To be called in the first process of a pid namespace, with SIGCHLD and SIGTERM going to `signals`.
unsafe fn init(tool: libc::pid_t, signals: RawFd, namespace: Namespace) -> ! {
    // SAFETY: as in `setup_child`. No destructor of the parent's copy runs here: the process leaves by _exit alone.
    unsafe {
        confine::hide();
        // Standard streams 0 to 2 were set up before, so none of the three is among them. Everything else is closed:
        // locks, pipes and directories of disklessset must not live on here.
        libc::dup2(namespace.parent, 0);
        libc::dup2(signals, 1);
        libc::dup2(namespace.report, 2);
        if libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) != 0 {
            for fd in 3..65536 {
                libc::close(fd);
            }
        }
        loop {
            let mut watched = [
                libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 },
                libc::pollfd { fd: 1, events: libc::POLLIN, revents: 0 },
            ];
            libc::poll(watched.as_mut_ptr(), 2, -1);
            if watched[0].revents != 0 {
                libc::_exit(137);
            }
            let mut arrived: libc::signalfd_siginfo = std::mem::zeroed();
            let size = size_of::<libc::signalfd_siginfo>();
            if watched[1].revents == 0 || libc::read(1, (&raw mut arrived).cast(), size) <= 0 {
                continue;
            }
            // From within its namespace nobody ends it so: `telinit u` of a package script, which finds no init, tries.
            if i32::try_from(arrived.ssi_signo) == Ok(libc::SIGTERM) && arrived.ssi_pid == 0 {
                libc::kill(-tool, libc::SIGTERM);
                // Somebody who has not become a group yet, or who is stopped.
                libc::kill(tool, libc::SIGTERM);
                libc::kill(-tool, libc::SIGCONT);
            }
            reap(tool);
        }
    }
}

/// Waits for all that has ended; leaves when that is the tool.
///
/// # Safety
/// As [`init`], with the report pipe as descriptor 2.
unsafe fn reap(tool: libc::pid_t) {
    let mut status = 0;
    // SAFETY: as in `setup_child`.
    unsafe {
        loop {
            let ended = libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED);
            if ended <= 0 {
                return;
            }
            if ended == tool && libc::WIFSTOPPED(status) {
                // CTRL+Z in a shell's place: there is nobody who could wake it up.
                libc::kill(-tool, libc::SIGCONT);
            } else if ended == tool {
                report(2, ENDED, status);
                libc::_exit(0);
            }
        }
    }
}

/// # Safety
/// `pipe` is an open descriptor.
unsafe fn report(pipe: RawFd, kind: u8, value: i32) {
    let [a, b, c, d] = value.to_ne_bytes();
    let message = [kind, a, b, c, d];
    // SAFETY: the buffer lives through the call and has the length that is given.
    unsafe {
        libc::write(pipe, message.as_ptr().cast(), message.len());
    }
}

fn signal_set(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: the set is initialised before signals are added.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
