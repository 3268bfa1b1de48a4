//! Why an inventory cannot be read.

use std::fmt;

/// What is wrong with an inventory, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    line: Option<usize>,
    reason: String,
}

impl std::error::Error for ReadError {}

impl ReadError {
    pub(crate) fn at(line: usize, reason: impl Into<String>) -> Self {
        Self { line: Some(line), reason: reason.into() }
    }

    pub(crate) fn near(line: Option<usize>, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }

    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self { line: None, reason: reason.into() }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}
