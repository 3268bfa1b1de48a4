//! Lines of a file that a stranger may have written: of each no more than so many bytes are kept.

use std::io::{self, BufRead};

/// The longest line that is kept whole; names, versions and paths are shorter.
const LONGEST: usize = 64 * 1024;

/// Reads line by line.
pub(super) struct Lines<R> {
    from: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn of(from: R) -> Self {
        Self { from, line: Vec::new() }
    }

    /// The next line without its end, cut where it is too long; nothing at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let mut any = false;
        loop {
            let buffer = self.from.fill_buf()?;
            if buffer.is_empty() {
                return Ok(any.then_some(&self.line));
            }
            any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let room = LONGEST - self.line.len();
            self.line.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.from.consume(used);
            if end.is_some() {
                return Ok(Some(&self.line));
            }
        }
    }
}

/// A piece of a line as text.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_where_they_are_too_long() {
        let long = "x".repeat(3 * LONGEST);
        let text = format!("a\n\n{long}\nb");
        let mut lines = Lines::of(io::BufReader::new(text.as_bytes()));
        let mut lengths = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [1, 0, LONGEST, 1]);
    }
}
