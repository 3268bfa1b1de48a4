//! Parsers of this library that nobody outside of it needs, for `tests/fuzz`.

pub use crate::source::oci::fuzzing::{Seen, layer};

use crate::source::{
    AptEntry,
    apt_sources::{one_line, stanzas},
};

/// Entries of a `.list` file.
pub fn apt_list(text: &str) -> Vec<AptEntry> {
    text.lines().filter_map(one_line).collect()
}

/// Entries of a `.sources` file.
pub fn apt_stanzas(text: &str) -> Vec<AptEntry> {
    stanzas(text)
}
