//! How people name a version: `NAME@N`, `NAME@TAG`, or `NAME` for the current one.

use disklessset_oci::names::{Tag, VersionNumber};
use disklessset_plugin_api::{Error, ImageName, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What stands after the `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionWord {
    /// A number.
    Number(VersionNumber),
    /// A tag.
    Tag(Tag),
}

/// An image, and one of its versions where one is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionReference {
    /// The image.
    pub image: ImageName,
    /// Which version; none for the current one.
    pub version: Option<VersionWord>,
}

impl FromStr for VersionWord {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self::Number).map_err(|cause| Error::usage(cause.to_string()));
        }
        text.parse().map(Self::Tag).map_err(|cause| Error::usage(cause.to_string()))
    }
}

impl From<ImageName> for VersionReference {
    fn from(image: ImageName) -> Self {
        Self { image, version: None }
    }
}

impl FromStr for VersionReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, version) = match text.split_once('@') {
            Some((name, word)) => (name, Some(word.parse()?)),
            None => (text, None),
        };
        let image = ImageName::parse(name).map_err(|cause| Error::usage(cause.to_string()))?;
        Ok(Self { image, version })
    }
}

impl TryFrom<String> for VersionReference {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<VersionReference> for String {
    fn from(reference: VersionReference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for VersionWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Tag(tag) => tag.fmt(f),
        }
    }
}

impl fmt::Display for VersionReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.image),
            None => self.image.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_numbers_and_tags_are_read_and_printed() {
        for good in ["web01", "web01@7", "web01@tested", "web01@v1.2-rc"] {
            let reference: VersionReference = good.parse().unwrap();
            assert_eq!(reference.to_string(), good);
        }
        let reference: VersionReference = "web01@7".parse().unwrap();
        assert!(matches!(reference.version, Some(VersionWord::Number(number)) if number.get() == 7));
    }

    #[test]
    fn what_names_no_version_is_refused_in_one_line() {
        for bad in [
            "",
            "@7",
            "web01@",
            "web01@0",
            "web01@07",
            "web01@current",
            "web01@a b",
            "web01@7@8",
            "a/b@1",
            "web01@-x",
        ] {
            let error = bad.parse::<VersionReference>().expect_err(bad);
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
