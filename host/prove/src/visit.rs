//! A visit: somebody sits at the serial console of a machine that came up.

use std::fs::File;
use std::io::{self, Write};
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::site::SiteEvent;
use disklessset_plugin_api::node_set::NodeName;

/// Somebody who may stay as long as they like. When they go, the machine goes.
pub type Visitor<'a> = dyn FnMut(&mut VisitedConsole<'_>) -> io::Result<()> + 'a;

/// The serial console of a machine that is up.
pub struct VisitedConsole<'a> {
    pub(super) node: &'a NodeName,
    pub(super) login_line: &'a str,
    pub(super) input: &'a mut ChildStdin,
    pub(super) told: &'a Receiver<SiteEvent>,
    pub(super) log: &'a mut File,
    /// What was typed and the machine has not taken yet.
    pub(super) unsent: Vec<u8>,
}

/// What comes from a machine that is visited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromConsole {
    /// Bytes as they are, for a terminal.
    Bytes(Vec<u8>),
    /// Nothing, for now.
    Nothing,
    /// The machine has switched itself off.
    Gone,
}

impl VisitedConsole<'_> {
    /// The node whose machine it is.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        self.node
    }

    /// The prompt that waits.
    #[must_use]
    pub fn login_line(&self) -> &str {
        self.login_line
    }

    /// Types `keys`. A machine that takes none keeps nobody: they wait here.
    pub fn type_in(&mut self, keys: &[u8]) {
        self.unsent.extend_from_slice(keys);
    }

    /// What the machine says next, waited for so long.
    ///
    /// # Errors
    /// When the log cannot be written, or the machine has lost its NFS server.
    pub fn hear(&mut self, wait: Duration) -> io::Result<FromConsole> {
        self.send()?;
        loop {
            match self.told.recv_timeout(wait) {
                Ok(SiteEvent::Console(_, bytes)) => {
                    self.log.write_all(&bytes)?;
                    return Ok(FromConsole::Bytes(bytes));
                }
                Ok(SiteEvent::ConsoleClosed(_)) | Err(RecvTimeoutError::Disconnected) => {
                    return Ok(FromConsole::Gone);
                }
                Ok(SiteEvent::NfsServerEnded(end)) => return Err(io::Error::other(end.to_string())),
                Ok(SiteEvent::Request(_)) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(FromConsole::Nothing),
            }
        }
    }

    fn send(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.input.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It is gone, which its console tells, too.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.unsent.clear(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::sync::mpsc::channel;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a process with a pipe")]
    fn a_machine_that_takes_no_keys_keeps_nobody() {
        let mut deaf = Command::new("sleep").arg("60").stdin(Stdio::piped()).spawn().unwrap();
        let mut input = deaf.stdin.take().unwrap();
        rustix::io::ioctl_fionbio(&input, true).unwrap();
        let (tell, told) = channel();
        let (node, mut log) = (crate::node::made_up().unwrap(), tempfile::tempfile().unwrap());
        let mut console = VisitedConsole {
            node: &node,
            login_line: "prove login:",
            input: &mut input,
            told: &told,
            log: &mut log,
            unsent: Vec::new(),
        };
        console.type_in(&[b'x'; 1 << 20]);
        assert_eq!(console.hear(Duration::ZERO).unwrap(), FromConsole::Nothing);
        assert!(!console.unsent.is_empty());
        tell.send(SiteEvent::Console(0, b"hello".to_vec())).unwrap();
        assert_eq!(console.hear(Duration::ZERO).unwrap(), FromConsole::Bytes(b"hello".to_vec()));
        deaf.kill().unwrap();
        deaf.wait().unwrap();
        tell.send(SiteEvent::ConsoleClosed(0)).unwrap();
        assert_eq!(console.hear(Duration::ZERO).unwrap(), FromConsole::Gone);
        assert_eq!(log.metadata().unwrap().len(), 5);
    }
}
