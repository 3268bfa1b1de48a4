//! Sets of nodes in the syntax of ClusterShell: `c[001-100],login1`.
//!
//! | written | means |
//! |---|---|
//! | `c[1-3,7]` | c1, c2, c3, c7 |
//! | `c[001-010]` | c001 to c010: leading zeros are part of a name, and `c1` is another node than `c001` |
//! | `c[0-10/2]` | every second number |
//! | `r[1-2]n[01-16]-ib0` | every combination |
//! | `a,b` `a!b` `a&b` `a^b` | both; a without b; what is in both; what is in one of them |
//!
//! Operators have no ranks: each takes what the text left of it gives. Blanks count for nothing around operators, numbers and
//! the whole. Groups (`@rack1`) and wildcards (`c*`) are refused: what they mean is in the configuration of a site, that can
//! run programs, and a set on record must mean the same tomorrow.
//!
//! Own code, because the crates do not do: the one with operators and folding, nodeset 0.6, expands right but panics on
//! `c[1-3/0]`, ends the process by stack overflow on many `(`, lets `a,` pass, cannot read a number of ten digits, and brings a
//! command line, a logger and a reader of configuration files that cannot be left out, two of them under licences that
//! `deny.toml` does not allow (MPL-2.0, CC0-1.0).
//!
//! What ClusterShell reads, this reads alike, and what is written here it reads back (a system test holds both to it).
//! Two things differ on purpose: `c1[8-12]` and `c1[9,10]` are refused (there they give c18 to c112, c19 to c110), and so are negative numbers.

mod error;
mod fold;
mod name;
mod parse;
#[cfg(test)]
mod tests;

pub use error::NodeSetError;
pub use name::NodeName;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// The most nodes that a user may name at once, and that a set may hold when it is put on record.
pub const MOST: usize = 65_536;

/// How many more a record may hold than may be asked for, so that what was written is read whatever wrote it.
const RECORDED: usize = 16;

/// Nodes, each once, in natural order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct NodeSet(BTreeSet<NodeName>);

impl NodeSet {
    /// Reads what a record holds: also nothing, which is the empty set (1.x wrote nothing when it was empty).
    ///
    /// # Errors
    /// As for [`FromStr`], with a limit sixteen times as high.
    pub fn parse_recorded(text: &str) -> Result<Self, NodeSetError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        parse::evaluate(text, MOST * RECORDED).map(Self)
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The nodes in natural order (c2 before c10).
    pub fn iter(&self) -> impl Iterator<Item = NodeName> + '_ {
        self.0.iter().cloned()
    }

    /// Whether a node is in it.
    pub fn contains(&self, node: &NodeName) -> bool {
        self.0.contains(node)
    }

    /// Puts a node in; whether it is new.
    pub fn insert(&mut self, node: NodeName) -> bool {
        self.0.insert(node)
    }

    /// The nodes of both. They may be more than [`MOST`]: see [`Self::within_limit`].
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The nodes that the other has not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The nodes that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The set, when it holds at most [`MOST`] nodes: to be asked before a set that grew goes on record.
    ///
    /// # Errors
    /// When there are more.
    pub fn within_limit(self) -> Result<Self, NodeSetError> {
        if self.len() > MOST {
            return Err(NodeSetError::TooManyTogether { count: self.len(), most: MOST });
        }
        Ok(self)
    }
}

impl FromStr for NodeSet {
    type Err = NodeSetError;

    /// Reads what a user wrote: it must name a node.
    ///
    /// # Errors
    /// When it cannot be read, or names no node or more than [`MOST`], which is found out before they are written out.
    fn from_str(text: &str) -> Result<Self, NodeSetError> {
        if text.trim().is_empty() {
            return Err(NodeSetError::Empty);
        }
        let nodes = parse::evaluate(text, MOST)?;
        if nodes.is_empty() {
            return Err(NodeSetError::NothingLeft(error::clip(text.trim())));
        }
        Ok(Self(nodes))
    }
}

impl fmt::Display for NodeSet {
    /// The shortest text that ranges give, the same for the same nodes; nothing for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&fold::folded(&self.0))
    }
}

impl FromIterator<NodeName> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeName>>(nodes: I) -> Self {
        Self(nodes.into_iter().collect())
    }
}

impl Serialize for NodeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeSet {
    /// As from a record: text, or nothing for the empty set.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        Self::parse_recorded(&text).map_err(serde::de::Error::custom)
    }
}
