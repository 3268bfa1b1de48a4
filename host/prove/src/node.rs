//! The name a node boots under.

use std::fmt;

/// The longest host name Linux knows.
const LONGEST: usize = 64;

/// A node's host name, fit for paths, DHCP answers and QEMU's options: letters, digits, `.`, `_` and `-`, starting with
/// a letter or digit, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeName(String);

/// A word that cannot be a node's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name of a node: letters, digits, '.', '_' and '-', starting with a letter or digit, at most 64 bytes"
)]
pub struct BadNodeName(String);

impl NodeName {
    /// Checks `text`.
    ///
    /// # Errors
    /// When it is not a node's name.
    pub fn parse(text: &str) -> Result<Self, BadNodeName> {
        let starts = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        match starts && good && text.len() <= LONGEST {
            true => Ok(Self(text.to_owned())),
            false => Err(BadNodeName(text.to_owned())),
        }
    }

    /// The node of a proof that is asked for no other.
    #[must_use]
    pub fn made_up() -> Self {
        Self("prove".to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_more_than_a_name_is_one() {
        for good in ["c001", "login-1.site", "007", "a_b"] {
            assert_eq!(NodeName::parse(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in ["", ".", "..", "-x", "a/b", "a,restrict=on", "a b", "a\nb", "${net0/mac}", &long] {
            assert!(NodeName::parse(bad).is_err(), "{bad}");
        }
    }
}
