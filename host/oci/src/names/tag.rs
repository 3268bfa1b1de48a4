//! Tags: of versions here, and of manifests in registries.

use super::{NameError, text_type};

/// A tag that a person gives to a version: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`, not only digits (those are numbers of versions), and not
/// `current`, which has a meaning of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

text_type!(Tag, check_tag);

/// A tag in a registry: as [`Tag`], and `7` and `current` are good, too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryTag(String);

text_type!(RegistryTag, check_registry_tag);

impl From<&Tag> for RegistryTag {
    fn from(tag: &Tag) -> Self {
        Self(tag.0.clone())
    }
}

fn check_registry_tag(text: &str) -> Result<(), NameError> {
    let refuse = |why| Err(NameError::new("tag", text, why));
    let mut bytes = text.bytes();
    let Some(first) = bytes.next() else { return refuse("it is empty") };
    if text.len() > 128 {
        return refuse("it has more than 128 characters");
    }
    if !(first.is_ascii_alphanumeric() || first == b'_') {
        return refuse("it must begin with a letter, a digit or _");
    }
    if !bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        return refuse("it may have letters, digits, _, . and - only");
    }
    Ok(())
}

fn check_tag(text: &str) -> Result<(), NameError> {
    check_registry_tag(text)?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NameError::new("tag", text, "it has digits only, as numbers of versions have"));
    }
    if text == "current" {
        return Err(NameError::new("tag", text, "current always is the version that nodes get"));
    }
    Ok(())
}
