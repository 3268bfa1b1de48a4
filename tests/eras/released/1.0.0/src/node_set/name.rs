//! The name of one node.

use super::error::{NodeSetError, clip};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, str::FromStr};

/// A host name that is safe as the name of a directory: letters, digits, `-`, `_` and `.`, with a letter or digit at both ends,
/// no `..`, at most 63 bytes between dots and 253 in all.
///
/// Case counts, as it does for directories. The order is the natural one: runs of digits compare as numbers, shorter ones
/// first, so that c2 comes before c10, and c10 before c001, as ClusterShell has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(Box<str>);

impl NodeName {
    /// The most bytes of a name.
    pub const LONGEST: usize = 253;
    /// The most bytes between two dots.
    pub const LONGEST_LABEL: usize = 63;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, or what is wrong with it as the end of a sentence about it.
    pub(super) fn new(text: String) -> Result<Self, (String, &'static str)> {
        match check(&text) {
            Ok(()) => Ok(Self(text.into_boxed_str())),
            Err(fault) => Err((text, fault)),
        }
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("has something else in it than letters, digits, - _ and .");
    }
    let solid = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !solid(text.bytes().next()) || !solid(text.bytes().last()) {
        return Err("does not begin and end with a letter or digit");
    }
    if text.contains("..") {
        return Err("has two dots in a row");
    }
    if text.split('.').any(|label| label.len() > NodeName::LONGEST_LABEL) {
        return Err("has more than 63 characters without a dot");
    }
    if text.len() > NodeName::LONGEST {
        return Err("is longer than 253 characters");
    }
    Ok(())
}

impl FromStr for NodeName {
    type Err = NodeSetError;

    fn from_str(text: &str) -> Result<Self, NodeSetError> {
        check(text).map_err(|fault| NodeSetError::Name { name: clip(text), fault })?;
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for NodeName {
    type Error = NodeSetError;

    fn try_from(text: String) -> Result<Self, NodeSetError> {
        text.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.0.into()
    }
}

impl AsRef<str> for NodeName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Ord for NodeName {
    // Bytes by their index: sets of ten thousand names are put in order again and again.
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (self.0.as_bytes(), other.0.as_bytes());
        let (mut at, mut start) = (0, 0);
        while at < left.len() && at < right.len() && left[at] == right[at] {
            at += 1;
            if !left[at - 1].is_ascii_digit() {
                // A difference within a run of digits is one of the whole run.
                start = at;
            }
        }
        let (this, that) = (end_of_number(left, at), end_of_number(right, at));
        if this == start || that == start {
            return left[at..].cmp(&right[at..]);
        }
        this.cmp(&that).then_with(|| left[at..].cmp(&right[at..]))
    }
}

impl PartialOrd for NodeName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of runs of digits: by length, then by value.
pub(super) fn number_order(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Where the run of digits ends that goes on at `at`.
fn end_of_number(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at].is_ascii_digit() {
        at += 1;
    }
    at
}
