//! `cargo xtask bench`: what things cost, beside the tools that do the same. Ratios hold between machines, seconds do not.

mod boot;
mod clean;
mod create;
mod demands;
mod form;
mod formats;
mod list;
mod made_tree;
mod modules;
mod mount;
mod nodes;
mod pack;
mod plots;
mod readers;
mod registries;
mod report;
mod resize;
mod samples;
mod serve;
mod site;
mod start;
mod timing;
mod trees;
mod versions;

pub(crate) use samples::Strictness;
pub(crate) use timing::peak;

use camino::{Utf8Path, Utf8PathBuf};

use crate::dist::{self, Built};
use crate::failure::{self, Failure};
use crate::say;
use crate::source_tree::SourceTree;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A listing of many images.
    List,
    /// From the start of the program to its answer.
    Start,
    /// An image from packages, and a second one.
    Create,
    /// Every form that a root image can have.
    Formats,
    /// Making an OS tree from another.
    Trees,
    /// A livenet image of a tree.
    Pack,
    /// Editing an image.
    Mount,
    /// Another size for an image.
    Resize,
    /// Cleaning images whose creation crashed.
    Clean,
    /// A thousand modules, and calls into one.
    Modules,
    /// Nodes and pools of large sites.
    Nodes,
    /// Serving a file to many readers.
    Serve,
    /// The way back, and what versions cost.
    Versions,
    /// Pushing and pulling an image.
    Registries,
    /// Booting an image.
    Boot,
}

impl Subject {
    /// All, in the order they are measured.
    pub(crate) const ALL: [Self; 15] = [
        Self::List,
        Self::Start,
        Self::Create,
        Self::Pack,
        Self::Formats,
        Self::Trees,
        Self::Mount,
        Self::Resize,
        Self::Clean,
        Self::Modules,
        Self::Nodes,
        Self::Serve,
        Self::Versions,
        Self::Registries,
        Self::Boot,
    ];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Start => "start",
            Self::Create => "create",
            Self::Pack => "pack",
            Self::Formats => "formats",
            Self::Trees => "trees",
            Self::Mount => "mount",
            Self::Resize => "resize",
            Self::Clean => "clean",
            Self::Modules => "modules",
            Self::Nodes => "nodes",
            Self::Serve => "serve",
            Self::Versions => "versions",
            Self::Registries => "registries",
            Self::Boot => "boot",
        }
    }

    fn measure(self, strictness: Strictness) -> Result<(), Failure> {
        match self {
            Self::List => list::task(strictness),
            Self::Start => start::task(strictness),
            Self::Create => create::task(strictness),
            Self::Pack => pack::task(strictness),
            Self::Formats => formats::task(strictness),
            Self::Trees => trees::task(strictness),
            Self::Mount => mount::task(strictness),
            Self::Resize => resize::task(strictness),
            Self::Clean => clean::task(strictness),
            Self::Modules => modules::task(strictness),
            Self::Nodes => nodes::task(strictness),
            Self::Serve => serve::task(strictness),
            Self::Versions => versions::task(strictness),
            Self::Registries => registries::task(strictness),
            Self::Boot => boot::task(strictness),
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

/// Measures these, or everything when none is named. One that misses a demand does not keep the others from being measured.
pub(crate) fn task(subjects: &[Subject], strictness: Strictness) -> Result<(), Failure> {
    let subjects = if subjects.is_empty() { &Subject::ALL } else { subjects };
    let mut missed = Vec::new();
    for subject in subjects {
        if let Err(failure) = subject.measure(strictness) {
            say::note(&failure.to_string());
            missed.push(failure);
        }
    }
    missed.into_iter().next().map_or(Ok(()), Err)
}
