//! Numbers of versions, and `NAME@N`.

use super::{NameError, from_ref_name, to_ref_name};
use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU64, str::FromStr};

/// The number of a version, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionNumber(NonZeroU64);

impl VersionNumber {
    /// The first version of anything.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// A number; `None` for 0, which no version has.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number as such.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The number after this one; `None` when there is none.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for VersionNumber {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| text.parse().ok()).flatten();
        number
            .map(Self)
            .ok_or_else(|| NameError::new("number of a version", text, "it must be 1, 2, 3 and so on"))
    }
}

/// One version by its name: `NAME@N`. The name has 1 to 255 bytes, no `/`, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionName {
    name: String,
    number: VersionNumber,
}

impl VersionName {
    /// From both parts.
    ///
    /// # Errors
    /// A name that no version can have.
    pub fn new(name: &str, number: VersionNumber) -> Result<Self, NameError> {
        let refuse = |why| Err(NameError::new("name of a version", name, why));
        if name.is_empty() || name.len() > 255 {
            return refuse("what is before @ must have 1 to 255 bytes");
        }
        if name.contains('/') || name.chars().any(char::is_control) {
            return refuse("it may have no / and no control characters");
        }
        Ok(Self { name: name.to_owned(), number })
    }

    /// What is before the last `@`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is after it.
    pub fn number(&self) -> VersionNumber {
        self.number
    }

    /// As it stands in `index.json`: see [`to_ref_name`].
    pub fn ref_name(&self) -> String {
        format!("{}@{}", to_ref_name(&self.name), self.number)
    }

    /// From what stands in `index.json`.
    ///
    /// # Errors
    /// What [`Self::ref_name`] does not write.
    pub fn from_ref_name(text: &str) -> Result<Self, NameError> {
        let (name, number) = split(text)?;
        Self::new(&from_ref_name(name)?, number)
    }
}

fn split(text: &str) -> Result<(&str, VersionNumber), NameError> {
    let wrong = || NameError::new("name of a version", text, "it must be NAME@NUMBER");
    let (name, number) = text.rsplit_once('@').ok_or_else(wrong)?;
    Ok((name, number.parse()?))
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.number)
    }
}

impl FromStr for VersionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, number) = split(text)?;
        Self::new(name, number)
    }
}
