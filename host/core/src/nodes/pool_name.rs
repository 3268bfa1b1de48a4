//! The name of a pool.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, at most 64 characters: it is the name of a file that nodes fetch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PoolName(Box<str>);

/// Why a text is no name of a pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the name of a pool: it {fault}")]
pub struct PoolNameError {
    text: String,
    fault: &'static str,
}

impl PoolName {
    /// The pool that nodes get which are in no other.
    pub const DEFAULT: &'static str = "default";
    /// The most bytes of a name.
    pub const LONGEST: usize = 64;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    let solid = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    match text {
        "" => Err("is empty"),
        _ if text.len() > PoolName::LONGEST => Err("is longer than 64 characters"),
        _ if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) => {
            Err("has something else in it than letters, digits, - _ and .")
        }
        _ if !solid(text.bytes().next()) || !solid(text.bytes().last()) => {
            Err("does not begin and end with a letter or digit")
        }
        _ => Ok(()),
    }
}

impl FromStr for PoolName {
    type Err = PoolNameError;

    fn from_str(text: &str) -> Result<Self, PoolNameError> {
        check(text).map_err(|fault| PoolNameError { text: text.chars().take(80).collect(), fault })?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for PoolName {
    type Error = PoolNameError;

    fn try_from(text: String) -> Result<Self, PoolNameError> {
        text.parse()
    }
}

impl From<PoolName> for String {
    fn from(name: PoolName) -> Self {
        name.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pools_are_names_of_files() {
        for good in ["default", "compute", "gpu-A100", "r1.2_x", "7"] {
            assert_eq!(good.parse::<PoolName>().unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in ["", ".", "..", "-a", "a-", "a/b", "a b", "a\n", "é", "a@1", "${x}", long.as_str()] {
            let error = bad.parse::<PoolName>().expect_err(bad).to_string();
            assert!(error.contains("is not the name of a pool") && !error.contains('\n'), "{error}");
        }
    }
}
