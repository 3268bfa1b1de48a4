//! Lines from a person or a pipe, read so that CTRL+C is heard while waiting.

use super::keys::{ChangedTerminal, Keys};
use crate::system::interrupt::{self, Interrupted};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::{SFlag, fstat},
    sys::termios::LocalFlags,
};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

/// The longest line taken, in bytes. Answers are short; more is not one.
const LONGEST_LINE: usize = 64 * 1024;

/// Where answers come from.
#[derive(Debug)]
pub(crate) struct Input {
    /// `None` when the program was started without standard input.
    source: Option<OwnedFd>,
    terminal: bool,
    /// What was read beyond the last line: a pipe may give many at once.
    rest: Mutex<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// CTRL+C or another signal came instead.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// Nothing more will come.
    #[error("the input has ended")]
    End,
    /// The input is broken.
    #[error("cannot read an answer")]
    Unreadable(#[from] io::Error),
}

impl Input {
    /// Standard input.
    pub(crate) fn of_process() -> Self {
        let terminal = io::stdin().is_terminal();
        Self { source: io::stdin().as_fd().try_clone_to_owned().ok(), terminal, rest: Mutex::default() }
    }

    /// Another source, for tests.
    #[cfg(test)]
    pub(crate) fn of(source: OwnedFd) -> Self {
        Self { source: Some(source), terminal: false, rest: Mutex::default() }
    }

    /// Whether a person sits at the other end.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether an answer may come: from a person, a pipe that is open or has something in it, or a file that does.
    pub(crate) fn may_answer(&self) -> bool {
        let Some(source) = &self.source else { return false };
        let Ok(meta) = fstat(source) else { return false };
        match SFlag::from_bits_truncate(meta.st_mode & SFlag::S_IFMT.bits()) {
            _ if self.terminal => true,
            SFlag::S_IFREG => meta.st_size > 0,
            SFlag::S_IFIFO | SFlag::S_IFSOCK => {
                let mut waited = [PollFd::new(source.as_fd(), PollFlags::POLLIN)];
                let _ = poll(&mut waited, PollTimeout::ZERO);
                // Hung up with nothing in it: nobody has answered, and nobody will.
                waited[0].revents() != Some(PollFlags::POLLHUP)
            }
            // /dev/null above all.
            _ => false,
        }
    }

    /// The next line without its end. What is not UTF-8 in it becomes a replacement character, which no name allows.
    pub(crate) fn line(&self) -> Result<String, NoAnswer> {
        let source = self.source.as_ref().ok_or(NoAnswer::End)?;
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                return Ok(text(&line));
            }
            if rest.len() > LONGEST_LINE {
                rest.clear();
                return Err(NoAnswer::Unreadable(io::Error::other("the line does not end")));
            }
            wait_for(source)?;
            let mut chunk = [0; 4096];
            match nix::unistd::read(source, &mut chunk) {
                Ok(0) if rest.is_empty() => return Err(NoAnswer::End),
                Ok(0) => return Ok(text(&std::mem::take(&mut *rest))),
                Ok(count) => rest.extend_from_slice(&chunk[..count]),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // A terminal that hung up reads as an error.
                Err(Errno::EIO) => return Err(NoAnswer::End),
                Err(error) => return Err(NoAnswer::Unreadable(error.into())),
            }
        }
    }

    /// The next line, not shown while it is typed.
    pub(crate) fn secret(&self) -> Result<String, NoAnswer> {
        let _hidden = self.source.as_ref().filter(|_| self.terminal).map(hidden).transpose()?;
        self.line()
    }

    /// The keys one by one, as a terminal behind this one wants them.
    pub(crate) fn keys(&self) -> io::Result<Keys<'_>> {
        Keys::of(self.source.as_ref().ok_or(Errno::EBADF)?)
    }
}

/// A terminal that does not show what is typed.
fn hidden(terminal: &OwnedFd) -> io::Result<ChangedTerminal<'_>> {
    ChangedTerminal::with(terminal, |settings| {
        settings.local_flags.remove(LocalFlags::ECHO);
        settings.local_flags.insert(LocalFlags::ECHONL);
    })
}

/// Waits until there is something to read or a stop is asked for.
fn wait_for(source: &OwnedFd) -> Result<(), NoAnswer> {
    loop {
        interrupt::check()?;
        let mut waited = vec![PollFd::new(source.as_fd(), PollFlags::POLLIN)];
        waited.extend(interrupt::poll_fd().map(|stop| PollFd::new(stop, PollFlags::POLLIN)));
        match poll(&mut waited, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(NoAnswer::Unreadable(error.into())),
        }
        interrupt::check()?;
        if waited[0].revents().is_some_and(|events| !events.is_empty()) {
            return Ok(());
        }
    }
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::termios::tcgetattr;
    use std::io::Write;

    fn typed(bytes: &[u8]) -> Input {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(bytes).unwrap();
        Input::of(reader.into())
    }

    #[test]
    fn lines_come_one_by_one_and_then_the_end() {
        let input = typed(b"1\n\r\nweb01\r\nlast");
        assert_eq!(input.line().unwrap(), "1");
        assert_eq!(input.line().unwrap(), "");
        assert_eq!(input.line().unwrap(), "web01");
        assert_eq!(input.line().unwrap(), "last");
        assert!(matches!(input.line(), Err(NoAnswer::End)));
    }

    #[test]
    fn what_is_no_text_cannot_become_a_name() {
        let answer = typed(b"a\xffb\n").line().unwrap();
        assert!(disklessset_plugin_api::ImageName::parse(&answer).is_err(), "{answer:?}");
    }

    #[test]
    fn a_secret_is_not_shown_while_it_is_typed_and_the_terminal_is_as_before() {
        let nix::pty::OpenptyResult { master, slave } = nix::pty::openpty(None, None).unwrap();
        let before = tcgetattr(&slave).unwrap().local_flags;
        assert!(
            before.contains(LocalFlags::ECHO),
            "a terminal that shows what is typed, or this proves nothing"
        );
        let input =
            Input { source: Some(slave.try_clone().unwrap()), terminal: true, rest: Mutex::default() };
        let person = std::thread::spawn(move || {
            let mut terminal = std::fs::File::from(master);
            let mut shown = [0; 64];
            for line in ["visible\n", "s3cret\n"] {
                // Typed when the program waits: sooner, the terminal would still be as it was.
                std::thread::sleep(std::time::Duration::from_millis(200));
                terminal.write_all(line.as_bytes()).unwrap();
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
            let count = io::Read::read(&mut terminal, &mut shown).unwrap();
            String::from_utf8_lossy(&shown[..count]).into_owned()
        });
        assert_eq!(input.line().unwrap(), "visible");
        assert_eq!(input.secret().unwrap(), "s3cret");
        assert_eq!(tcgetattr(&slave).unwrap().local_flags, before);
        let shown = person.join().unwrap();
        assert!(shown.contains("visible") && !shown.contains("s3cret"), "{shown:?}");
    }

    #[test]
    fn an_endless_line_is_refused() {
        let (reader, mut writer) = io::pipe().unwrap();
        let feeder = std::thread::spawn(move || while writer.write_all(&[b'x'; 4096]).is_ok() {});
        let input = Input::of(reader.into());
        assert!(matches!(input.line(), Err(NoAnswer::Unreadable(_))));
        drop(input);
        feeder.join().unwrap();
    }
}
