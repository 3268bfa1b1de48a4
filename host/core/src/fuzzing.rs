//! Parsers of this library that nobody outside of it needs, for `tests/fuzz`.

pub use crate::nodes::{Inventory, node_path, pool_path};
use crate::{
    configuration::Configuration,
    exports::{ExportLine, block::Block},
    installations::{Entries, JournalState, home::Home},
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

/// What the quick reader takes a text for that this program may have written; nothing where it leaves it to the real one.
pub fn own_yaml(text: &str) -> Option<serde_json::Value> {
    crate::yaml::plain::parse(text)
}

/// What the content of a journal comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct Journal(JournalState);

impl Journal {
    /// The content of a file.
    pub fn of(bytes: &[u8]) -> Self {
        let mut state = JournalState::of(bytes, &Home::default());
        // Of the last line alone, which a torn one may be.
        state.torn = false;
        Self(state)
    }

    /// Whether nothing is on record.
    pub fn is_blank(&self) -> bool {
        self.0.is_blank()
    }

    /// Whether a crash left something to undo.
    pub fn needs_recovery(&self) -> bool {
        self.0.needs_recovery()
    }
}

/// The register of installations.
#[derive(Debug, PartialEq)]
pub struct Installations(Entries);

impl Installations {
    /// The text of a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        Entries::parse(text).map(Self)
    }

    /// How many entries there are, those that cannot be understood included.
    pub fn count(&self) -> usize {
        self.0.images.len() + self.0.strange.len()
    }

    /// Whether all entries can be understood, and have nothing of others.
    pub fn is_plain(&self) -> bool {
        self.0.strange.is_empty() && self.0.images.values().all(|entry| entry.other.is_empty())
    }

    /// Why entries cannot be understood.
    pub fn reasons(&self) -> Vec<&str> {
        self.0.strange.values().map(|(_, reason)| reason.as_str()).collect()
    }

    /// The text as it would be written.
    ///
    /// # Errors
    /// Why it cannot be kept.
    pub fn kept_text(&self) -> Result<String, String> {
        self.0.kept_text()
    }
}

/// The line that exports a directory.
///
/// # Errors
/// What is wrong with its clients or options.
pub fn export_line(path: &Utf8Path, clients: &[String], options: &[String]) -> Result<String, String> {
    let line = ExportLine::new(path.to_owned(), clients, options);
    line.map(|line| line.to_string()).map_err(|error| error.to_string())
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
