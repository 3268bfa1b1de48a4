//! The whole comparison of two trees.

use super::{
    files::{self, Change, FileDifference, FileKind, FileSkipped, Found, Which},
    packages::{self, PackageComparison},
    spool::{FileDifferences, Spool},
};
use crate::{failure, observer::Observer};
use camino::Utf8Path;
use disklessset_plugin_api::Result;
use serde::Serialize;

/// How often progress is told of, in files.
const EACH: u64 = 1000;
/// What was passed over is kept up to this number, and counted beyond.
const MOST_SKIPPED: usize = 1000;

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed<T> {
    /// What it is in the first; none where it has none.
    pub old: Option<T>,
    /// What it is in the second; none where it has none.
    pub new: Option<T>,
}

impl<T: PartialEq> Changed<T> {
    /// Both values, where they differ.
    pub(crate) fn between(old: Option<T>, new: Option<T>) -> Option<Self> {
        (old != new).then_some(Self { old, new })
    }
}

/// How two OS trees differ.
#[derive(Debug, Serialize)]
pub struct TreeComparison {
    /// Packages that were added, removed or changed.
    pub packages: PackageComparison,
    /// Files that were added, removed or changed, in the order of a walk through the tree.
    pub files: FileDifferences,
    /// What was passed over, and why; the first thousand of them.
    pub skipped: Vec<FileSkipped>,
    /// How many more were passed over.
    pub more_skipped: u64,
}

impl TreeComparison {
    /// Whether a difference was found.
    pub fn differs(&self) -> bool {
        self.packages.differs() || self.files.count() > 0
    }

    /// Whether everything was compared.
    pub fn is_complete(&self) -> bool {
        self.packages.not_compared.is_empty() && self.skipped.is_empty()
    }
}

/// Two OS trees, and what their comparison needs.
pub(crate) struct Trees<'a> {
    /// The first one.
    pub(crate) old: &'a Utf8Path,
    /// The second one.
    pub(crate) new: &'a Utf8Path,
    /// A private directory for copies of package databases, and for what was found.
    pub(crate) scratch: &'a Utf8Path,
}

impl Trees<'_> {
    pub(super) fn of(&self, which: Which) -> &Utf8Path {
        match which {
            Which::Old => self.old,
            Which::New => self.new,
        }
    }
}

/// Compares two trees. What was found lies in a file, so that memory does not grow with it.
///
/// # Errors
/// When a tree cannot be opened, there is no room for what was found, or a stop was asked for.
pub(crate) fn compare_trees(trees: &Trees<'_>, observer: &dyn Observer) -> Result<TreeComparison> {
    observer.progress("comparing packages", 0, 0);
    let (packages, owners) = packages::compare(trees)?;
    let mut spool = Spool::below(trees.scratch).map_err(failure::of)?;
    let (mut skipped, mut more_skipped, mut seen) = (Vec::new(), 0, 0);
    files::compare(trees.old, trees.new, &mut |found| {
        match found {
            Found::Seen => {
                seen += 1;
                if seen % EACH == 0 {
                    observer.progress("comparing files", seen, 0);
                }
            }
            Found::Skipped(what) if skipped.len() < MOST_SKIPPED => skipped.push(what),
            Found::Skipped(_) => more_skipped += 1,
            Found::Different(path, difference) => {
                let package = match (difference.change, difference.kind) {
                    (Change::Removed, _) => owners.of(Which::Old, path),
                    // A directory that is there before and after is nobody's.
                    (Change::Changed, FileKind::Directory) => None,
                    (Change::Added, _) => owners.of(Which::New, path),
                    (Change::Changed, _) => {
                        owners.of(Which::New, path).or_else(|| owners.of(Which::Old, path))
                    }
                };
                spool.put(&FileDifference { package, ..difference }).map_err(failure::of)?;
            }
        }
        Ok(())
    })?;
    let files = spool.finish().map_err(failure::of)?;
    Ok(TreeComparison { packages, files, skipped, more_skipped })
}
