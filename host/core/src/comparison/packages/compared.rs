//! Packages that differ.

use crate::comparison::files::Which;
use serde::Serialize;
use std::collections::BTreeMap;

/// A package manager whose database is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// That of Debian and what is like it.
    Dpkg,
    /// That of Alpine.
    Apk,
    /// That of Enterprise Linux, Fedora and SUSE.
    Rpm,
}

impl Manager {
    pub(super) const ALL: [Self; 3] = [Self::Dpkg, Self::Apk, Self::Rpm];

    /// Its name for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
        }
    }
}

/// A package that one of the trees has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// What processor it is for; empty where the database does not say.
    pub architecture: String,
    /// Its version.
    pub version: String,
    /// Whose database has it.
    pub manager: Manager,
}

/// A package that both trees have, in different versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedPackage {
    /// Its name.
    pub name: String,
    /// What processor it is for; empty where the database does not say.
    pub architecture: String,
    /// The version in the first tree.
    pub old: String,
    /// The version in the second tree.
    pub new: String,
    /// Whose database has it.
    pub manager: Manager,
}

/// Packages that were not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// The tree whose database cannot be read or is not there.
    pub tree: Which,
    /// Whose database it is.
    pub manager: Manager,
    /// Why it cannot be read.
    pub reason: String,
}

/// How the packages of two trees differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PackageComparison {
    /// In the second tree alone.
    pub added: Vec<Package>,
    /// In the first tree alone.
    pub removed: Vec<Package>,
    /// In both, in different versions.
    pub changed: Vec<ChangedPackage>,
    /// What is not known of packages: none of these is said to be added or removed.
    pub not_compared: Vec<NotCompared>,
}

impl PackageComparison {
    /// Whether a package differs.
    pub fn differs(&self) -> bool {
        !(self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty())
    }

    pub(super) fn take(&mut self, pairs: Pairs) {
        let Pairs(pairs) = pairs;
        for Pair { manager, key: Key { name, architecture }, old, new } in pairs {
            match (old, new) {
                (Some(old), Some(new)) => {
                    self.changed.push(ChangedPackage { name, architecture, old, new, manager });
                }
                (Some(version), None) => {
                    self.removed.push(Package { name, architecture, version, manager });
                }
                (None, Some(version)) => {
                    self.added.push(Package { name, architecture, version, manager });
                }
                (None, None) => {}
            }
        }
    }
}

/// What tells packages apart, whatever their version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) architecture: String,
}

/// The packages of a tree; some managers have several versions of one at once.
pub(super) type Packages = BTreeMap<Key, Vec<String>>;

/// One package that differs.
pub(super) struct Pair {
    pub(super) manager: Manager,
    pub(super) key: Key,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// The packages that differ, by name.
pub(super) struct Pairs(pub(super) Vec<Pair>);

impl Pairs {
    /// What two databases of one manager do not have in common.
    pub(super) fn between(manager: Manager, old: &Packages, new: &Packages) -> Self {
        let mut keys: Vec<&Key> = old.keys().chain(new.keys()).collect();
        keys.sort();
        keys.dedup();
        let mut pairs = Vec::new();
        for key in keys {
            let versions = |of: &Packages| of.get(key).cloned().unwrap_or_default();
            let (mut before, mut after) = (versions(old), versions(new));
            before.retain(|version| match after.iter().position(|other| other == version) {
                Some(place) => {
                    after.remove(place);
                    false
                }
                None => true,
            });
            before.sort();
            after.sort();
            let (mut before, mut after) = (before.into_iter(), after.into_iter());
            loop {
                let (old, new) = (before.next(), after.next());
                if old.is_none() && new.is_none() {
                    break;
                }
                pairs.push(Pair { manager, key: key.clone(), old, new });
            }
        }
        Self(pairs)
    }
}
