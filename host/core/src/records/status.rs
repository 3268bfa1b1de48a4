//! The status of an image, decided from two facts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What an image is to its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ImageStatus {
    /// Whole and in service.
    Created,
    /// A process is making it right now.
    InCreation,
    /// The process that was making it is gone; the next cleaning removes what it left.
    Corrupted,
}

/// Decides the status: whether the image is inside `installations.yml`, and whether its process is running.
pub(super) fn status(installing: Option<Running>) -> ImageStatus {
    match installing {
        None => ImageStatus::Created,
        Some(Running::Yes) => ImageStatus::InCreation,
        Some(Running::No) => ImageStatus::Corrupted,
    }
}

/// Whether the process behind an entry of `installations.yml` is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    /// That very process is.
    Yes,
    /// It is gone, or another has its number.
    No,
}

impl fmt::Display for ImageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::InCreation => "IN_CREATION",
            Self::Corrupted => "CORRUPTED",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_statuses() {
        assert_eq!(status(None).to_string(), "CREATED");
        assert_eq!(status(Some(Running::Yes)).to_string(), "IN_CREATION");
        assert_eq!(status(Some(Running::No)).to_string(), "CORRUPTED");
    }
}
