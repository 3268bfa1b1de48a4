//! A process of ours that can be killed and never be taken for another with its pid: by a pidfd, and where the kernel has none (before
//! 5.3, that of Enterprise Linux 8 is 4.18) by its pid, after a look whether it still is the one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::ProcessIdentity;
use super::syscalls::{pidfd_kill, pidfd_open};

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
        match pidfd_open(pid) {
            Err(error) if is_missing(&error) => Ok(Self::Unknown(pid)),
            opened => opened.map(Self::Descriptor),
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
        match self {
            Self::Descriptor(process) => pidfd_kill(process.as_fd(), signal as i32),
            Self::Unknown(_) | Self::Pid(None) => Ok(()),
            Self::Pid(Some(process)) => {
                if !process.is_running().map_err(|error| error.source)? {
                    return Ok(());
                }
                let pid = i32::try_from(process.pid).map_err(io::Error::other)?;
                match kill(Pid::from_raw(pid), signal) {
                    Ok(()) | Err(Errno::ESRCH) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }
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
        match pidfd_open(std::process::id()) {
            Err(error) if is_missing(&error) => {
                let (end, ours) = io::pipe()?;
                Ok(Self::Pipe { end, _ours: ours })
            }
            opened => opened.map(Self::Descriptor),
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
fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(nix::libc::ENOSYS | nix::libc::EPERM))
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
