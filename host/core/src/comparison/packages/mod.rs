//! How the packages of two trees differ, by what their package databases say.

mod apk;
mod compared;
mod database;
mod dpkg;
mod lines;
mod owners;
mod rpm;
mod rpm_copy;

pub use compared::{ChangedPackage, Manager, NotCompared, Package, PackageComparison};
pub(super) use owners::Owners;

use super::{files::Which, found::Trees};
use compared::Pairs;
use database::{Database, Unreadable};
use disklessset_plugin_api::Result;

/// Compares the packages of two trees. A database that cannot be read is told of: its packages are not
/// *removed*.
///
/// # Errors
/// When a stop was asked for.
pub(super) fn compare(trees: &Trees<'_>) -> Result<(PackageComparison, Owners)> {
    let mut found = PackageComparison::default();
    let mut owners = Owners::default();
    for manager in Manager::ALL {
        let old = database::open(manager, trees, Which::Old)?;
        let new = database::open(manager, trees, Which::New)?;
        // Who has no packages has no database, as far as can be told: an empty file may be a lost one.
        let missing = |side: &Side| match side {
            Ok(Some(database)) => database.packages().is_empty(),
            Ok(None) => true,
            Err(_) => false,
        };
        if missing(&old) && missing(&new) {
            continue;
        }
        let (old, new) = match (side_of(old, Which::Old, manager), side_of(new, Which::New, manager)) {
            (Ok(old), Ok(new)) => (old, new),
            (old, new) => {
                found.not_compared.extend(old.err().into_iter().chain(new.err()));
                continue;
            }
        };
        let pairs = Pairs::between(manager, old.packages(), new.packages());
        owners.learn(&old, Which::Old, &pairs, trees)?;
        owners.learn(&new, Which::New, &pairs, trees)?;
        found.take(pairs);
    }
    owners.finish();
    Ok((found, owners))
}

type Side = std::result::Result<Option<Database>, Unreadable>;

/// The database of one tree, or why the packages of this manager are not compared.
fn side_of(side: Side, tree: Which, manager: Manager) -> std::result::Result<Database, NotCompared> {
    let reason = match side {
        Ok(Some(database)) if !database.packages().is_empty() => return Ok(database),
        Ok(Some(_)) => format!("the package database of {} is empty", manager.word()),
        Ok(None) => format!("there is no package database of {}", manager.word()),
        Err(Unreadable(reason)) => reason,
    };
    Err(NotCompared { tree, manager, reason })
}

#[cfg(test)]
mod tests;
