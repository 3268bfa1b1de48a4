//! What is wrong with a node set or a node's name.

use crate::Error;

/// Why a text is no node set, or no name of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeSetError {
    /// Nothing was written.
    #[error("no node is named")]
    Empty,
    /// The operators left nothing.
    #[error("the node set {0:?} names no node: its operators leave none")]
    NothingLeft(String),
    /// A part cannot be read.
    #[error("the node set is wrong at character {at}: {part:?} {fault}")]
    Part {
        /// Where the part begins, counted from 1.
        at: usize,
        /// The part, shortened when it is long.
        part: String,
        /// What is wrong with it, as the end of the sentence.
        fault: &'static str,
    },
    /// A part gives a name that no host can have.
    #[error("the node set is wrong at character {at}: it gives the node {name:?}, which {fault}")]
    NameInSet {
        /// Where the part begins, counted from 1.
        at: usize,
        /// The name, shortened when it is long.
        name: String,
        /// What is wrong with it, as the end of the sentence.
        fault: &'static str,
    },
    /// A part gives too many.
    #[error("the node set is too large: {part:?} at character {at} names more than {most} nodes")]
    TooMany {
        /// Where the part begins, counted from 1.
        at: usize,
        /// The part, shortened when it is long.
        part: String,
        /// The limit that was passed.
        most: usize,
    },
    /// All parts together give too many.
    #[error("the node set is too large: it has {count} nodes, and {most} is the most")]
    TooManyTogether {
        /// How many it has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
    /// A single name is none.
    #[error("{name:?} is not the name of a node: it {fault}")]
    Name {
        /// The name, shortened when it is long.
        name: String,
        /// What is wrong with it, as the end of the sentence.
        fault: &'static str,
    },
}

impl From<NodeSetError> for Error {
    fn from(error: NodeSetError) -> Self {
        let hint = match error {
            NodeSetError::TooMany { .. } | NodeSetError::TooManyTogether { .. } => "name fewer nodes at once",
            _ => "nodes are named as c[001-100],login1",
        };
        Self::usage(error.to_string()).hint(hint)
    }
}

/// The text as an error shows it: all of it, or its beginning when it is long.
pub(super) fn clip(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
