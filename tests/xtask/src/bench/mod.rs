//! `cargo xtask bench`: what things cost, beside the tools that do the same. Ratios hold between machines, seconds do not.

mod clean;
mod made_tree;
mod modules;
mod pack;
mod program;
mod registries;
mod samples;
mod serve;
mod trees;

pub(crate) use program::peak;
pub(crate) use samples::Strictness;

use camino::{Utf8Path, Utf8PathBuf};

use crate::dist::{self, Built};
use crate::failure::{self, Failure};
use crate::source_tree::SourceTree;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A listing, and our share of making an image.
    Program,
    /// A thousand modules, and calls into one.
    Modules,
    /// Making an OS tree from another.
    Trees,
    /// A livenet image of a tree.
    Pack,
    /// Cleaning images whose creation crashed.
    Clean,
    /// Serving a file to many readers.
    Serve,
    /// Pushing and pulling an image.
    Registries,
}

impl Subject {
    /// All, in the order they are measured.
    pub(crate) const ALL: [Self; 7] =
        [Self::Program, Self::Modules, Self::Trees, Self::Pack, Self::Clean, Self::Serve, Self::Registries];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Modules => "modules",
            Self::Trees => "trees",
            Self::Pack => "pack",
            Self::Clean => "clean",
            Self::Serve => "serve",
            Self::Registries => "registries",
        }
    }
}

/// The program and the shipped modules, built with optimisation, beside a directory to measure in.
struct Installed {
    built: Built,
    modules: Utf8PathBuf,
    place: Utf8PathBuf,
    _directory: tempfile::TempDir,
}

impl Installed {
    fn build() -> Result<Self, Failure> {
        let built = dist::build(&SourceTree::find()?)?;
        let directory = tempfile::Builder::new()
            .prefix("disklessset-bench-")
            .tempdir_in("/var/tmp")
            .map_err(|cause| Failure::Plain(format!("cannot make a directory in /var/tmp: {cause}")))?;
        let place = Utf8Path::from_path(directory.path()).expect("the prefix is plain text").to_owned();
        let modules = place.join("modules.d");
        std::fs::create_dir(&modules).map_err(failure::file("make", &modules))?;
        dist::install_modules(&built, &modules)?;
        Ok(Self { built, modules, place, _directory: directory })
    }
}

/// Measures these, or everything when none is named.
pub(crate) fn task(subjects: &[Subject], strictness: Strictness) -> Result<(), Failure> {
    let subjects = if subjects.is_empty() { &Subject::ALL } else { subjects };
    subjects.iter().try_for_each(|subject| match subject {
        Subject::Program => program::task(),
        Subject::Modules => modules::task(strictness),
        Subject::Trees => trees::task(strictness),
        Subject::Pack => pack::task(strictness),
        Subject::Clean => clean::task(strictness),
        Subject::Serve => serve::task(strictness),
        Subject::Registries => registries::task(strictness),
    })
}
