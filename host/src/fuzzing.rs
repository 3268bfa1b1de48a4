//! Parsers of this library that nobody outside of it needs, for `tests/fuzz`.

use crate::{
    configuration::Configuration,
    exports::block::Block,
    installations::{Home, JournalState},
    modules::{Identity, Refusal, note},
    records::ImageRecord,
};
use camino::Utf8Path;
use disklessset_plugin_api::{ImageName, messages::Exported};

/// The text of a configuration file.
///
/// # Errors
/// What is wrong with it.
pub fn configuration(text: &str) -> Result<Configuration, String> {
    Configuration::parse(text)
}

/// The content of a module's identity note.
///
/// # Errors
/// Why it is none of this host's.
pub fn identity(descriptor: &[u8]) -> Result<Identity, Refusal> {
    note::parse(descriptor)
}

/// The text of a record of an image of this name, as it would be written again.
///
/// # Errors
/// What is wrong with it, and then why it could not be kept.
pub fn image_record(text: &str, name: &ImageName) -> Result<Result<String, String>, String> {
    ImageRecord::parse(text).map(|record| record.kept_text(name))
}

/// The content of a journal.
pub fn journal(bytes: &[u8]) -> JournalState {
    let mut state = JournalState::of(bytes, &Home::default());
    // Of the last line alone, which a torn one may be.
    state.torn = false;
    state
}

/// An exports file, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exports(Block);

impl Exports {
    /// The text of a file.
    ///
    /// # Errors
    /// When it cannot be told whose lines are whose.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Block::parse(text).map(Self)
    }

    /// Sets or takes away the line of a directory; gives back the line it had.
    pub fn set(&mut self, path: &Utf8Path, line: Option<&str>) -> Option<String> {
        self.0.set(path, line)
    }

    /// What is exported by lines of ours.
    pub fn entries(&self) -> Vec<Exported> {
        self.0.entries()
    }

    /// The text as it would be written.
    pub fn text(&self) -> String {
        self.0.to_string()
    }
}
