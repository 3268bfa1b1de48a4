//! What a tree is wanted for.

use super::Repositories;
use crate::packages::{Extras, PackageSet};

/// What a tree is wanted for.
#[derive(Debug, Clone)]
pub struct TreePlan {
    /// The package set; sources other than packages do not look at it.
    pub set: PackageSet,
    /// What else is installed.
    pub extras: Extras,
    /// Whether the tree is to bring a kernel.
    pub brings_kernel: bool,
    /// The release (`bookworm`, `9`); the server's own when not given.
    pub release: Option<String>,
    /// Whether manuals, translations and documentation are left out, whatever the set.
    pub optimize: Optimize,
    /// Where packages come from.
    pub repositories: Repositories,
    /// How long it is wanted.
    pub lasts: Lasts,
}

/// How long a tree is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lasts {
    /// It stays: it is a directory of its own.
    #[default]
    Beyond,
    /// Until it is packed, in this action. It may be a view of the source, then.
    UntilPacked,
}

/// Whether an image is trimmed as far as its source allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Optimize {
    /// As far as possible.
    Aggressively,
    /// As its package set says.
    #[default]
    AsTheSetSays,
}
