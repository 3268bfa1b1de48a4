//! The program in a real terminal, for its menu: what it shows is waited for, answers are typed.
//!
//! The terminal is made here and not by rexpect, whose own has echo switched off (so that "passwords are not echoed"
//! could never fail) and passes its open end on to every other child of a parallel test.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use rexpect::session::{Options, StreamSession};

use crate::run::Program;

/// A terminal of 40 lines and 120 columns with a program running in it, echoing what is typed as terminals do. Colours
/// and cursor movements are stripped from what is seen.
pub struct Terminal {
    session: StreamSession<File>,
    child: Child,
    patience: Duration,
}

impl Terminal {
    /// Opens a terminal and runs a program in it; whatever is waited for may take as long as `patience`.
    #[track_caller]
    pub fn open(program: Program, patience: Duration) -> Self {
        Self::try_open(program, patience).unwrap_or_else(|cause| panic!("cannot open a terminal: {cause}"))
    }

    fn try_open(program: Program, patience: Duration) -> io::Result<Self> {
        let (ours, theirs) = pair()?;
        let size = program.clone_for("stty", &["rows", "40", "cols", "120"]);
        let sized = size.command().stdin(Stdio::from(theirs.try_clone()?)).status()?;
        assert!(sized.success(), "stty: {sized}");
        // setsid makes standard input the controlling terminal, so that CTRL+C becomes SIGINT.
        let mut command = program.env("TERM", "xterm").behind("setsid", &["--ctty"]).command();
        command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
        let child = command.spawn()?;
        drop(command); // its copies of the program's end: the last one to close is then the program
        let options =
            Options::new().timeout_ms(Some(patience.as_millis() as u64)).strip_ansi_escape_codes(true);
        let ours = File::from(ours);
        Ok(Self { session: StreamSession::new(ours.try_clone()?, ours, options), child, patience })
    }

    /// Waits until a text is shown and gives back what was shown before it.
    #[track_caller]
    pub fn see(&mut self, text: &str) -> String {
        self.session.exp_string(text).unwrap_or_else(|cause| panic!("waited for {text:?} in vain: {cause}"))
    }

    /// Types a line.
    #[track_caller]
    pub fn answer(&mut self, line: &str) {
        self.session.send_line(line).unwrap_or_else(|cause| panic!("cannot type {line:?}: {cause}"));
    }

    /// Presses CTRL+C.
    #[track_caller]
    pub fn interrupt(&mut self) {
        self.press_control('c');
    }

    /// Presses CTRL with another key.
    #[track_caller]
    pub fn press_control(&mut self, key: char) {
        let pressed = self.session.send_control(key).and_then(|()| self.session.flush());
        pressed.unwrap_or_else(|cause| panic!("cannot press CTRL+{key}: {cause}"));
    }

    /// Does something last and waits for the end: what was shown since the last text that was waited for, and the exit
    /// code.
    #[track_caller]
    pub fn end_after(mut self, act: impl FnOnce(&mut Self)) -> (String, i32) {
        act(&mut self);
        self.end()
    }

    /// Waits for the end of the program, gives back what it showed last and its exit code (128 and the signal's number
    /// when a signal ended it).
    #[track_caller]
    pub fn end(mut self) -> (String, i32) {
        let last = self.session.exp_eof().unwrap_or_else(|cause| panic!("it does not end: {cause}"));
        let asked = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap_or_else(|cause| panic!("cannot wait for it: {cause}"));
            if let Some(status) = ended {
                let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
                return (last, code);
            }
            assert!(asked.elapsed() < self.patience, "it closed its terminal and does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Already ended is the usual case; a test that failed in the middle leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our end and the program's end of a new terminal, neither passed on to other children.
fn pair() -> io::Result<(OwnedFd, File)> {
    let ours = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname_r(&ours)?;
    let theirs = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(name)?;
    Ok((OwnedFd::from(ours), theirs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::TestRoot;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn what_is_typed_arrives_and_what_is_shown_is_seen() {
        let root = TestRoot::bare();
        let ask =
            "test -t 0 || exit 9; printf '\\033[1mname?\\033[0m '; read name; echo \"hello $name\"; exit 3";
        let mut terminal = Terminal::open(root.tool("sh", &["-c", ask]), PATIENCE);
        terminal.see("name? ");
        terminal.answer("you");
        terminal.see("hello you");
        assert_eq!(terminal.end().1, 3);
    }

    #[test]
    fn typing_is_echoed_unless_the_program_switches_that_off() {
        let root = TestRoot::bare();
        let ask = "echo first; read a; stty -echo; echo second; read b; stty echo; echo third";
        let mut terminal = Terminal::open(root.tool("sh", &["-c", ask]), PATIENCE);
        terminal.see("first");
        terminal.answer("shown");
        assert!(terminal.see("second").contains("shown"));
        terminal.answer("secret");
        assert!(!terminal.see("third").contains("secret"));
    }

    #[test]
    fn the_program_sees_the_size_of_the_terminal() {
        let root = TestRoot::bare();
        let mut terminal = Terminal::open(root.tool("stty", &["size"]), PATIENCE);
        terminal.see("40 120");
        assert_eq!(terminal.end().1, 0);
    }

    #[test]
    fn control_c_reaches_the_program() {
        let root = TestRoot::bare();
        let wait = "trap 'echo caught; exit 4' INT; echo ready; while :; do sleep 0.1; done";
        let mut terminal = Terminal::open(root.tool("sh", &["-c", wait]), PATIENCE);
        terminal.see("ready");
        terminal.interrupt();
        terminal.see("caught");
        assert_eq!(terminal.end().1, 4);
    }

    #[test]
    #[should_panic(expected = "in vain")]
    fn what_is_not_shown_is_missed() {
        let root = TestRoot::bare();
        Terminal::open(root.tool("echo", &["something else"]), PATIENCE).see("the menu");
    }
}
