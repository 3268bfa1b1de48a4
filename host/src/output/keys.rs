//! A terminal with other settings for a while, and its keys one by one.

use crate::system::interrupt;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr},
};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// A terminal with other settings, until dropped.
pub(super) struct ChangedTerminal<'a> {
    terminal: &'a OwnedFd,
    before: Termios,
}

impl<'a> ChangedTerminal<'a> {
    pub(super) fn with(terminal: &'a OwnedFd, change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut changed = before.clone();
        change(&mut changed);
        // What was typed ahead was shown already; it stays what it is, an answer.
        tcsetattr(terminal, SetArg::TCSADRAIN, &changed)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for ChangedTerminal<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}

/// The keys of a terminal, each as it is pressed, CTRL+C too; nothing is echoed. Dropped, the terminal is as before.
pub(crate) struct Keys<'a>(ChangedTerminal<'a>);

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    Keys(Vec<u8>),
    /// Nothing, for now.
    Nothing,
    /// The terminal is gone.
    End,
}

impl<'a> Keys<'a> {
    pub(super) fn of(terminal: &'a OwnedFd) -> io::Result<Self> {
        ChangedTerminal::with(terminal, cfmakeraw).map(Self)
    }

    /// What is typed within `wait`, or until a signal asks for a stop.
    pub(crate) fn typed(&self, wait: Duration) -> io::Result<Typed> {
        let terminal = self.0.terminal;
        let mut waited = vec![PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
        waited.extend(interrupt::poll_fd().map(|stop| PollFd::new(stop, PollFlags::POLLIN)));
        let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        match poll(&mut waited, wait) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        if waited[0].revents().is_none_or(|events| events.is_empty()) {
            return Ok(Typed::Nothing);
        }
        let mut keys = [0; 4096];
        match nix::unistd::read(terminal, &mut keys) {
            Ok(0) | Err(Errno::EIO) => Ok(Typed::End),
            Ok(count) => Ok(Typed::Keys(keys[..count].to_vec())),
            Err(Errno::EINTR | Errno::EAGAIN) => Ok(Typed::Nothing),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::pty::{OpenptyResult, openpty};
    use std::io::Write;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn keys_come_as_they_are_pressed_and_the_terminal_is_as_before() {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let mut person = std::fs::File::from(master);
        let before = tcgetattr(&slave).unwrap();
        let keys = Keys::of(&slave).unwrap();
        assert_ne!(tcgetattr(&slave).unwrap(), before);
        assert_eq!(keys.typed(Duration::ZERO).unwrap(), Typed::Nothing);
        // CTRL+C, CTRL+Z and CTRL+] are keys like others, and no line needs an end.
        person.write_all(b"a\x03\x1a\x1d").unwrap();
        assert_eq!(keys.typed(SOON).unwrap(), Typed::Keys(b"a\x03\x1a\x1d".to_vec()));
        drop(person);
        assert_eq!(keys.typed(SOON).unwrap(), Typed::End);
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let OpenptyResult { master: _person, slave } = openpty(None, None).unwrap();
        let before = tcgetattr(&slave).unwrap();
        let terminal = slave.try_clone().unwrap();
        let visit = std::thread::spawn(move || {
            let _keys = Keys::of(&terminal).unwrap();
            panic!("in the middle of a visit");
        });
        assert!(visit.join().is_err());
        assert_eq!(tcgetattr(&slave).unwrap(), before);
    }
}
