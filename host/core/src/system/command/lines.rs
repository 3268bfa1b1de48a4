//! Cuts a tool's output into lines, in bounded memory, and keeps the last ones for the error message.

use std::collections::VecDeque;

/// How many lines of a failed tool go into its error.
const KEPT_LINES: usize = 15;
/// Longer lines are cut into pieces of this many bytes.
const LONGEST_LINE: usize = 4096;

/// Makes lines of the bytes of one stream.
///
/// A carriage return starts the line again, as on a terminal: of a progress display only the last state becomes a line.
/// Control characters are left out, so that nothing a package script prints can steer the user's terminal.
#[derive(Default)]
pub(super) struct LineCutter {
    line: Vec<u8>,
    /// A carriage return was seen; the next byte tells whether it ends the line (CR LF) or starts it again.
    returned: bool,
    /// Whether the line stands where another stood before: a display that is renewed.
    renewed: bool,
}

impl LineCutter {
    /// Takes the next bytes and hands over every line they finish.
    pub(super) fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(&str)) {
        for &byte in bytes {
            match byte {
                b'\n' => {
                    self.finish_line(&mut sink);
                    continue;
                }
                b'\r' => {
                    self.returned = true;
                    continue;
                }
                _ if self.returned => {
                    self.line.clear();
                    self.returned = false;
                    self.renewed = true;
                }
                _ => {}
            }
            self.line.push(byte);
            if self.line.len() >= LONGEST_LINE {
                self.finish_line(&mut sink);
            }
        }
    }

    /// What a display shows now that is renewed again and again; nothing when the line is an ordinary one.
    pub(super) fn shown(&self) -> Option<String> {
        (self.renewed && !self.line.is_empty()).then(|| printable(&self.line))
    }

    /// The stream has ended: what is left is a line.
    pub(super) fn finish(&mut self, mut sink: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.finish_line(&mut sink);
        }
    }

    fn finish_line(&mut self, sink: &mut impl FnMut(&str)) {
        (self.returned, self.renewed) = (false, false);
        sink(&printable(&self.line));
        self.line.clear();
    }
}

/// Text without escape sequences and control characters; what is no UTF-8 is marked as such.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\t' => clean.push('\t'),
            // A colour or cursor sequence: ESC [ parameters letter. Left in part it would be litter.
            '\u{1b}' if characters.peek() == Some(&'[') => {
                characters.next();
                while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            control if control.is_control() => {}
            other => clean.push(other),
        }
    }
    clean
}

/// The last lines of a run.
#[derive(Default)]
pub(super) struct LastLines(VecDeque<String>);

impl LastLines {
    /// Adds a line; blank ones tell nothing and would push out those that do.
    pub(super) fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.0.len() == KEPT_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }

    /// Oldest first.
    pub(super) fn into_vec(self) -> Vec<String> {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut cutter = LineCutter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            cutter.feed(chunk, |line| lines.push(line.to_owned()));
        }
        cutter.finish(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_end_where_a_terminal_would_end_them() {
        assert_eq!(lines(&[b"one\ntw", b"o\nthree"]), ["one", "two", "three"]);
        assert_eq!(lines(&[b"dos\r", b"\nunix\n"]), ["dos", "unix"]);
        assert_eq!(lines(&[b"10%\r20%\r", b"100%\r\ndone"]), ["100%", "done"]);
        assert_eq!(lines(&[b"10%\r20%"]), ["20%"]);
        assert_eq!(lines(&[b"error: full\r"]), ["error: full"]);
    }

    #[test]
    fn what_a_display_shows_is_told_while_it_is_renewed() {
        let mut cutter = LineCutter::default();
        let mut shown = |bytes: &[u8]| {
            cutter.feed(bytes, |_| ());
            cutter.shown()
        };
        assert_eq!(shown(b"plain"), None);
        assert_eq!(shown(b"\n\r[=  ] 10%").as_deref(), Some("[=  ] 10%"));
        assert_eq!(shown(b"\r[== ] 20%").as_deref(), Some("[== ] 20%"));
        assert_eq!(shown(b"\r\nover"), None);
    }

    #[test]
    fn terminals_are_not_steered_and_odd_bytes_do_no_harm() {
        assert_eq!(lines(&[b"\x1b[31mred\x1b[0m \x07\xff\x1b]0;title\n"]), ["red \u{fffd}]0;title"]);
    }

    #[test]
    fn endless_lines_take_bounded_memory() {
        let mut cutter = LineCutter::default();
        let mut longest = 0;
        for _ in 0..1000 {
            cutter.feed(&[b'x'; 1000], |line| longest = longest.max(line.len()));
            assert!(cutter.line.len() <= LONGEST_LINE);
        }
        assert_eq!(longest, LONGEST_LINE);
    }

    #[test]
    fn only_the_last_lines_that_say_something_are_kept() {
        let mut last = LastLines::default();
        for number in 0..100 {
            last.push(&number.to_string());
            last.push("   ");
        }
        let kept = last.into_vec();
        assert_eq!((kept.len(), kept[0].as_str(), kept[14].as_str()), (15, "85", "99"));
    }
}
