//! The lines of a log, of which the next one is looked at before it is taken.

use super::line::Line;
use std::{
    cell::RefCell,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
};

/// Longer lines come in pieces, so that memory stays small whatever a tool printed.
const PIECE: u64 = 64 * 1024;

/// The lines that are still to be read of a log.
#[derive(Debug)]
pub(super) struct Lines {
    reader: RefCell<BufReader<File>>,
    next: RefCell<Option<Line>>,
}

impl Lines {
    pub(super) fn of(file: File) -> Self {
        Self { reader: RefCell::new(BufReader::new(file)), next: RefCell::new(None) }
    }

    /// The next line; it stays the next one. None at the end.
    pub(super) fn peek(&self) -> io::Result<Option<Line>> {
        if self.next.borrow().is_none() {
            let text = self.take_text()?;
            *self.next.borrow_mut() = text.map(|text| line_of(&text));
        }
        Ok(self.next.borrow().clone())
    }

    /// Takes the next line if it is wanted.
    pub(super) fn take_if(&self, is_wanted: impl FnOnce(&Line) -> bool) -> io::Result<Option<Line>> {
        let found = self.peek()?;
        Ok(if found.as_ref().is_some_and(is_wanted) { self.next.take() } else { None })
    }

    /// The text of the next line with its end, or the next piece of a very long one. None at the end.
    pub(super) fn take_text(&self) -> io::Result<Option<String>> {
        let bytes = self.take_bytes()?;
        Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Goes to the last line of a kind; to the beginning where there is none. Nothing may have been read before.
    pub(super) fn go_to_last(&self, is_wanted: impl Fn(&Line) -> bool) -> io::Result<()> {
        let (mut at, mut last) = (0, 0);
        loop {
            let bytes = self.take_bytes()?;
            if bytes.is_empty() {
                break;
            }
            if is_wanted(&line_of(&String::from_utf8_lossy(&bytes))) {
                last = at;
            }
            at += bytes.len() as u64;
        }
        self.reader.borrow_mut().seek(SeekFrom::Start(last)).map(drop)
    }

    fn take_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let _ = self.reader.borrow_mut().by_ref().take(PIECE).read_until(b'\n', &mut bytes)?;
        Ok(bytes)
    }
}

fn line_of(text: &str) -> Line {
    Line::of(text.trim_end_matches('\n'))
}
