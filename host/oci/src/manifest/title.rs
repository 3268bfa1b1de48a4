//! Titles of files.

use super::ManifestError;
use crate::names::shown;
use std::{fmt, str::FromStr};

/// The name of a file of an artifact, in a directory by itself: 1 to 255 bytes, no `/`, no control characters, no dot in front.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Title(String);

impl Title {
    /// The title as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Title {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        let refuse = |why: &str| Err(ManifestError::Title(format!("{} is no title: {why}", shown(text))));
        if text.is_empty() || text.len() > 255 {
            return refuse("it must have 1 to 255 bytes");
        }
        if text.contains(['/', '\\']) {
            return refuse("it may have no slash");
        }
        // One dot would do for `.` and `..`; files with a dot in front are hidden, and ours while they are written.
        if text.starts_with('.') {
            return refuse("it may not begin with a dot");
        }
        if text.chars().any(char::is_control) {
            return refuse("it may have no control characters");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
