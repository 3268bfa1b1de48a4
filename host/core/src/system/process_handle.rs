//! A process of ours that can be killed and never be taken for another with its pid: by a pidfd, and where the kernel has none (before
//! 5.3, that of Enterprise Linux 8 is 4.18) by its pid, after a look whether it still is the one.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::sys::signal::Signal;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, kill_process, pidfd_open, pidfd_send_signal};

use super::process::ProcessIdentity;

/// A process.
#[derive(Debug)]
pub(in crate::system) enum ProcessHandle {
    /// By its descriptor.
    Descriptor(OwnedFd),
    /// By its pid, not looked at yet.
    Unknown(u32),
    /// By its pid and the time when it began. `None` when it had ended by then.
    Pid(Option<ProcessIdentity>),
}

impl ProcessHandle {
    /// The process that has this pid now.
    ///
    /// # Errors
    /// What the system answers.
    pub(in crate::system) fn open(pid: u32) -> io::Result<Self> {
        match pidfd_open(pid_of(pid)?, PidfdFlags::empty()) {
            Err(error) if is_missing(error) => Ok(Self::Unknown(pid)),
            opened => Ok(Self::Descriptor(opened?)),
        }
    }

    /// Looks when it began, where that is needed: to be called by who sees the server's own `/proc`, while nobody has waited for it.
    ///
    /// # Errors
    /// When `/proc` is not readable.
    pub(in crate::system) fn looked_at(self) -> io::Result<Self> {
        match self {
            Self::Unknown(pid) => ProcessIdentity::of(pid).map(Self::Pid).map_err(|error| error.source),
            known => Ok(known),
        }
    }

    /// Sends it a signal; one that has ended is as good.
    ///
    /// # Errors
    /// What the system answers.
    pub(in crate::system) fn kill(&self, signal: Signal) -> io::Result<()> {
        let signal =
            rustix::process::Signal::from_named_raw(signal as i32).ok_or(io::ErrorKind::InvalidInput)?;
        let sent = match self {
            Self::Descriptor(process) => pidfd_send_signal(process, signal),
            Self::Unknown(_) | Self::Pid(None) => Ok(()),
            Self::Pid(Some(process)) => {
                if !process.is_running().map_err(|error| error.source)? {
                    return Ok(());
                }
                kill_process(pid_of(process.pid)?, signal)
            }
        };
        match sent {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Something that becomes readable, or is hung up, when this process ends: for a child that ends with us.
#[derive(Debug)]
pub(in crate::system) enum Life {
    /// This process's pidfd.
    Descriptor(OwnedFd),
    /// A pipe of which this process alone has the other end.
    Pipe {
        /// The child's.
        end: io::PipeReader,
        /// Ours: nobody writes to it.
        _ours: io::PipeWriter,
    },
}

impl Life {
    /// Of this process.
    ///
    /// # Errors
    /// What the system answers.
    pub(in crate::system) fn of_self() -> io::Result<Self> {
        match pidfd_open(rustix::process::getpid(), PidfdFlags::empty()) {
            Err(error) if is_missing(error) => {
                let (end, ours) = io::pipe()?;
                Ok(Self::Pipe { end, _ours: ours })
            }
            opened => Ok(Self::Descriptor(opened?)),
        }
    }

    /// What the child watches.
    pub(in crate::system) fn watched(&self) -> RawFd {
        match self {
            Self::Descriptor(process) => process.as_raw_fd(),
            Self::Pipe { end, .. } => end.as_raw_fd(),
        }
    }
}

/// Whether the kernel has no such call; a container's filter may answer EPERM instead.
fn is_missing(error: Errno) -> bool {
    matches!(error, Errno::NOSYS | Errno::PERM)
}

fn pid_of(pid: u32) -> io::Result<Pid> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests start processes of their own")]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_killed_by_its_pid_and_no_other_that_has_it() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let handle = ProcessHandle::Unknown(child.id()).looked_at().unwrap();
        let ProcessHandle::Pid(Some(identity)) = &handle else { panic!("{handle:?}") };
        let another = ProcessIdentity { start_time: identity.start_time + 1, ..identity.clone() };
        ProcessHandle::Pid(Some(another)).kill(Signal::SIGKILL).unwrap();
        assert_eq!(child.try_wait().unwrap(), None, "another one was meant");
        handle.kill(Signal::SIGKILL).unwrap();
        assert!(!child.wait().unwrap().success());
        handle.kill(Signal::SIGKILL).unwrap();
    }
}
