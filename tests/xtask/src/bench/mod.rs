//! `cargo xtask bench`: what things cost, beside the tools that do the same. Ratios hold between machines, seconds do not.

mod clean;
mod modules;
mod program;
mod samples;
mod trees;

pub(crate) use program::peak;
pub(crate) use samples::Strictness;

use crate::failure::Failure;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A listing, and our share of making an image.
    Program,
    /// A thousand modules, and calls into one.
    Modules,
    /// Making an OS tree from another.
    Trees,
    /// Cleaning images whose creation crashed.
    Clean,
}

impl Subject {
    /// All, in the order they are measured.
    pub(crate) const ALL: [Self; 4] = [Self::Program, Self::Modules, Self::Trees, Self::Clean];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Modules => "modules",
            Self::Trees => "trees",
            Self::Clean => "clean",
        }
    }
}

/// Measures these, or everything when none is named.
pub(crate) fn task(subjects: &[Subject], strictness: Strictness) -> Result<(), Failure> {
    let subjects = if subjects.is_empty() { &Subject::ALL } else { subjects };
    subjects.iter().try_for_each(|subject| match subject {
        Subject::Program => program::task(),
        Subject::Modules => modules::task(strictness),
        Subject::Trees => trees::task(strictness),
        Subject::Clean => clean::task(strictness),
    })
}
