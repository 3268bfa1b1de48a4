//! Something that is never shown.

use serde::Deserialize;
use std::fmt;

/// A password, or the like: what a parameter of the kind [`crate::ParamKind::Secret`] holds. Where it is
/// printed for debugging, it is not shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}
