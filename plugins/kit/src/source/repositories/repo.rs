//! One repository, as a user names it.

use crate::source::Address;
use disklessset_plugin_api::{Error, Result};
use std::{fmt, str::FromStr};

/// One repository: an address, and for apt the suite and its components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Where it is.
    pub address: Address,
    /// `bookworm main contrib`, or `./` for a repository without suites; empty for dnf.
    pub suite: Vec<String>,
}

impl FromStr for Repo {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.chars().any(char::is_control) {
            return Err(Error::usage("a repository is one line without control characters"));
        }
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let address = words.next().unwrap_or_default().parse::<Address>();
        let suite: Vec<String> = words.map(str::to_owned).collect();
        let mark = |c: char| c.is_ascii_alphanumeric() || "./_+-".contains(c);
        let first = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if let Some(bad) = suite.iter().find(|word| !word.starts_with(first) || !word.chars().all(mark)) {
            return Err(Error::usage(format!("{bad:?} is neither a suite nor a component of a repository")));
        }
        Ok(Self { address: address.map_err(|cause| Error::usage(cause.to_string()))?, suite })
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        self.suite.iter().try_for_each(|word| write!(f, " {word}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_cannot_bring_options_along() {
        let repo: Repo = "http://u:p@a/debian bookworm main non-free-firmware".parse().unwrap();
        assert_eq!(repo.to_string(), "http://a/debian bookworm main non-free-firmware");
        assert_eq!("file:///srv/repo ./".parse::<Repo>().unwrap().suite, ["./"]);
        for bad in
            ["", "[trusted=yes] http://a/ x", "http://a/ x\nTrusted: yes", "http://a/ -x", "http://a/ [x]"]
        {
            assert!(bad.parse::<Repo>().is_err(), "{bad:?}");
        }
    }
}
