//! The files that differ, for people: all, or those that say something, with numbers for the others.

use super::text::counted;
use crate::{
    comparison::{Aspect, Change, FileDifference, FileDifferences, FileKind, XattrChange},
    images::ImageComparison,
    output::{Output, plain},
};
use std::{
    collections::{BTreeMap, HashMap},
    io::Result,
};

/// So much is put together before it is printed.
const PIECE: usize = 64 * 1024;
/// A directory with more files that differ gets one line for all of them.
const FEW: u64 = 20;
/// So many packages are named with the numbers of their files.
const MOST_PACKAGES: usize = 8;
/// Directories whose content says nothing of an image: caches, logs, what is there for a while. Each gets one
/// line.
const PASSING: [&str; 8] = [
    "/run",
    "/tmp",
    "/var/cache",
    "/var/lib/apt/lists",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/var/log",
    "/var/tmp",
];

/// Prints the files that differ.
///
/// # Errors
/// When what was found cannot be read again.
pub(super) fn print(found: &ImageComparison, all: bool, output: &Output) -> Result<()> {
    let files = &found.tree.files;
    if files.count() == 0 {
        return Ok(());
    }
    let sums = Sums::of(files, all)?;
    output.data(&format!("files: {}\n", sums.total));
    let mut text = String::new();
    let mut begun = Begun::default();
    let mut told = HashMap::new();
    for difference in files.iter() {
        let difference = difference?;
        match sums.place_of(&difference, &mut begun, all) {
            Place::Own => {
                let below = sums.below.get(&difference.path).copied().unwrap_or_default();
                text.push_str(&line(&difference, below));
            }
            Place::Directory(directory) if !told.contains_key(directory) => {
                let counts = sums.directories.get(directory).copied().unwrap_or_default();
                text.push_str(&format!("  {}: {counts}\n", plain(&with_slash(directory))));
                told.insert(directory.to_owned(), ());
            }
            Place::Directory(_) | Place::Package | Place::Below => {}
        }
        if text.len() >= PIECE {
            output.data(&std::mem::take(&mut text));
        }
    }
    text.push_str(&sums.of_packages());
    output.data(&text);
    Ok(())
}

/// How many files were added, removed and changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    added: u64,
    removed: u64,
    changed: u64,
}

impl Counts {
    fn add(&mut self, change: Change) {
        match change {
            Change::Added => self.added += 1,
            Change::Removed => self.removed += 1,
            Change::Changed => self.changed += 1,
        }
    }

    fn all(self) -> u64 {
        self.added + self.removed + self.changed
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} added, {} removed, {} changed", self.added, self.removed, self.changed)
    }
}

/// Where a file is told of.
enum Place<'a> {
    /// In a line of its own.
    Own,
    /// With others, in a line of this directory.
    Directory(&'a str),
    /// With the others of its package.
    Package,
    /// With the directory above it, which is all new or all gone.
    Below,
}

/// A directory that was added or removed, and what is inside of it comes next.
#[derive(Default)]
struct Begun(Option<(String, Change)>);

impl Begun {
    /// Whether a file lies in that directory.
    fn has(&self, difference: &FileDifference) -> Option<&str> {
        let (directory, change) = self.0.as_ref()?;
        let inside = difference.path.strip_prefix(directory.as_str())?.starts_with('/');
        (inside && *change == difference.change).then_some(directory)
    }
}

/// What is counted of all files before the first is printed.
#[derive(Default)]
struct Sums {
    total: Counts,
    packages: BTreeMap<String, u64>,
    /// Files that differ, by the directory that they are in.
    directories: HashMap<String, Counts>,
    /// Files below a directory that was added or removed.
    below: HashMap<String, u64>,
}

impl Sums {
    fn of(files: &FileDifferences, all: bool) -> Result<Self> {
        let mut sums = Self::default();
        let mut begun = Begun::default();
        for difference in files.iter() {
            let difference = difference?;
            sums.total.add(difference.change);
            if all {
                continue;
            }
            if let Some(directory) = begun.has(&difference) {
                *sums.below.entry(directory.to_owned()).or_default() += 1;
            } else if let Some(package) = &difference.package {
                *sums.packages.entry(package.clone()).or_default() += 1;
            } else {
                let place = passing(&difference.path).unwrap_or_else(|| parent(&difference.path));
                sums.directories.entry(place.to_owned()).or_default().add(difference.change);
                begun.0 = whole_directory(&difference);
            }
        }
        Ok(sums)
    }

    fn place_of<'a>(&self, difference: &'a FileDifference, begun: &mut Begun, all: bool) -> Place<'a> {
        if all {
            return Place::Own;
        }
        if begun.has(difference).is_some() {
            return Place::Below;
        }
        if difference.package.is_some() {
            return Place::Package;
        }
        begun.0 = whole_directory(difference);
        if let Some(directory) = passing(&difference.path) {
            return Place::Directory(directory);
        }
        let directory = parent(&difference.path);
        match self.directories.get(directory) {
            Some(counts) if counts.all() > FEW => Place::Directory(directory),
            _ => Place::Own,
        }
    }

    /// A line for the files of packages that differ.
    fn of_packages(&self) -> String {
        let all: u64 = self.packages.values().sum();
        if all == 0 {
            return String::new();
        }
        let mut most: Vec<(&String, u64)> =
            self.packages.iter().map(|(name, count)| (name, *count)).collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let named = most.iter().take(MOST_PACKAGES).map(|(name, count)| format!("{name} {count}"));
        let named: Vec<String> = named.collect();
        let more = match most.len().saturating_sub(MOST_PACKAGES) {
            0 => String::new(),
            more => format!(", and of {more} more"),
        };
        let line = format!("{} of packages that differ: {}{more}", counted(all, "file"), named.join(", "));
        format!("  {}\n", plain(&line))
    }
}

/// A directory that is all new or all gone.
fn whole_directory(difference: &FileDifference) -> Option<(String, Change)> {
    let whole = difference.kind == FileKind::Directory && difference.change != Change::Changed;
    whole.then(|| (difference.path.clone(), difference.change))
}

/// The passing directory that a path lies in.
fn passing(path: &str) -> Option<&'static str> {
    PASSING
        .into_iter()
        .find(|directory| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/')))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn with_slash(directory: &str) -> String {
    format!("{directory}/")
}

/// One file in a line.
fn line(difference: &FileDifference, below: u64) -> String {
    let mark = match difference.change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    };
    let mut text = format!("{mark} {}", difference.path);
    if difference.change != Change::Changed {
        match difference.kind {
            FileKind::File => {}
            FileKind::Directory if below > 0 => {
                text.push_str(&format!(": directory, with {} in it", counted(below, "file")));
            }
            other => text.push_str(&format!(": {}", other.word())),
        }
    } else {
        let aspects: Vec<String> = difference.differs.iter().map(aspect).collect();
        text.push_str(&format!(": {}", aspects.join(", ")));
    }
    format!("  {}\n", plain(&text))
}

fn aspect(aspect: &Aspect) -> String {
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    match aspect {
        Aspect::Type { old, new } => format!("{} -> {}", old.word(), new.word()),
        Aspect::Content { old_bytes, new_bytes } if old_bytes == new_bytes => "content".to_owned(),
        Aspect::Content { old_bytes, new_bytes } => format!("content, {old_bytes} -> {new_bytes} bytes"),
        Aspect::Owner { old, new } => format!("owner {old} -> {new}"),
        Aspect::Group { old, new } => format!("group {old} -> {new}"),
        Aspect::Mode { old, new } => format!("mode {old} -> {new}"),
        Aspect::Target { old, new } => format!("link to {old} -> link to {new}"),
        Aspect::Device { old, new } => format!("device {old} -> {new}"),
        Aspect::Capabilities { old, new } => {
            format!("capabilities {} -> {}", or_none(old), or_none(new))
        }
        Aspect::Label { old, new } => format!("SELinux label {} -> {}", or_none(old), or_none(new)),
        Aspect::Xattr { name, change } => {
            let name = match name.as_str() {
                "system.posix_acl_access" => "ACL",
                "system.posix_acl_default" => "default ACL",
                other => other,
            };
            let change = match change {
                XattrChange::Added => "added",
                XattrChange::Removed => "removed",
                XattrChange::Changed => "changed",
            };
            format!("{name} {change}")
        }
    }
}

#[cfg(test)]
mod tests;
