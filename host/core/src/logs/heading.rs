//! The lines of a log at which an operation begins and ends.

use jiff::{Timestamp, Unit};
use std::fmt;

/// What such a line begins with. What tools print is indented, so that nothing that they print passes for one.
const MARK: &str = "# ";
const BEGINS: &str = "begins";
const DONE: &str = "done";
const FAILED: &str = "failed";

/// A line at which an operation begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    /// To the second.
    pub(super) at: Timestamp,
    pub(super) action: String,
    pub(super) turn: Turn,
}

/// What happens at a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Begins,
    Done,
    /// With the message of the error.
    Failed(String),
}

impl Heading {
    /// A heading of this moment.
    pub(super) fn now(action: &str, turn: Turn) -> Self {
        let now = Timestamp::now();
        Self { at: now.round(Unit::Second).unwrap_or(now), action: action.to_owned(), turn }
    }

    /// Reads a line as [`fmt::Display`] writes it; any other is no heading.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (at, rest) = line.strip_prefix(MARK)?.split_once(' ')?;
        let (action, turn) = rest.split_once(": ")?;
        let turn = match turn.split_once(": ") {
            Some((FAILED, message)) => Turn::Failed(message.to_owned()),
            None if turn == BEGINS => Turn::Begins,
            None if turn == DONE => Turn::Done,
            _ => return None,
        };
        Some(Self { at: at.parse().ok()?, action: action.to_owned(), turn })
    }
}

impl fmt::Display for Heading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, action, turn } = self;
        write!(f, "{MARK}{at} {action}: ")?;
        match turn {
            Turn::Begins => f.write_str(BEGINS),
            Turn::Done => f.write_str(DONE),
            // A message of several lines stays one line.
            Turn::Failed(message) => write!(f, "{FAILED}: {}", message.replace(['\n', '\r'], " ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_read_as_it_was_written_and_nothing_else_is_one() {
        for turn in [Turn::Begins, Turn::Done, Turn::Failed("no space: 3 MiB are missing".to_owned())] {
            let heading = Heading::now("create", turn);
            assert_eq!(Heading::parse(&heading.to_string()), Some(heading));
        }
        let two_lines = Heading::now("create", Turn::Failed("one\n# two".to_owned())).to_string();
        assert!(two_lines.ends_with("create: failed: one # two"), "{two_lines}");
        for other in [
            "",
            "# ",
            "# create: begins",
            "# yesterday create: begins",
            "# 2026-11-30T10:00:00Z create: went well",
            "  # 2026-11-30T10:00:00Z create: begins",
        ] {
            assert_eq!(Heading::parse(other), None, "{other}");
        }
    }
}
