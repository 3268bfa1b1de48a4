//! What is on record of a base: a file of lines `name: value`.

use crate::{FileError, durable};
use camino::Utf8Path;
use std::io;

/// The most that the file may hold, in bytes.
const MOST_BYTES: u64 = 64 << 10;
/// The format that is written.
const FORMAT: &str = "1";

/// What is on record of a base.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseFacts {
    /// What is in it, in words for people: `bookworm, 143 packages`.
    pub what: String,
    /// When it was made, as people write a date and a time.
    pub made: String,
    /// What the files of its tree looked like when it was made. A tree that looks otherwise is used no more.
    pub stamp: String,
    /// The bytes of its files.
    pub bytes: u64,
}

impl BaseFacts {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read; `InvalidData` where it is none of ours.
    pub fn load(file: &Utf8Path) -> Result<Self, FileError> {
        let bytes = durable::read_bounded(file, MOST_BYTES)?;
        let foreign = || io::Error::new(io::ErrorKind::InvalidData, "it has not the facts of a base");
        Self::parse(&String::from_utf8_lossy(&bytes))
            .ok_or_else(foreign)
            .map_err(FileError::of("understand", file))
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        if value("format").as_deref() != Some(FORMAT) {
            return None;
        }
        let bytes = value("bytes")?.parse().ok()?;
        Some(Self { what: value("what")?, made: value("made")?, stamp: value("stamp")?, bytes })
    }

    /// The text of the file.
    pub(super) fn to_text(&self) -> String {
        let line = |text: &str| text.replace(|c: char| c.is_control(), " ");
        let Self { what, made, stamp, bytes } = self;
        format!(
            "format: {FORMAT}\nwhat: {}\nmade: {}\nstamp: {}\nbytes: {bytes}\n",
            line(what),
            line(made),
            line(stamp)
        )
    }
}
