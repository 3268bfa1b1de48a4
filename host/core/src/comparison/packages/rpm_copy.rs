//! A copy of the database of rpm, aside: rpm writes to a database that it only reads.

use super::database::Tree;
use crate::{failure, system::interrupt};
use camino::Utf8Path;
use disklessset_plugin_api::Result;
use std::{
    fs::File,
    io::{self, Read, Write},
};

/// Where it lies, the newest place first; ostree's is the last.
const PLACES: [&str; 3] = ["usr/lib/sysimage/rpm", "var/lib/rpm", "usr/share/rpm"];
/// The file that is the database, by kind: sqlite, ndb, Berkeley DB.
const DATABASES: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];
/// What belongs to it. Environments of Berkeley DB (`__db.001`) are those of a running system.
const BESIDE: [&str; 2] = ["rpmdb.sqlite-wal", "Index.db"];
/// More than the database of any system.
const MOST: u64 = 1 << 30;
const PIECE: usize = 256 * 1024;

/// Copies the database of a tree into a directory; nothing where the tree has none.
///
/// # Errors
/// Inside when it cannot be copied; outside when a stop was asked for.
pub(super) fn copy(tree: &Tree, to: &Utf8Path) -> Result<io::Result<Option<()>>> {
    for place in PLACES {
        for database in DATABASES {
            match tree.file(&format!("{place}/{database}")) {
                Ok(None) => {}
                Err(cause) => return Ok(Err(cause)),
                Ok(Some(file)) => {
                    let mut left = MOST;
                    let mut all = vec![(database, file)];
                    for beside in BESIDE {
                        match tree.file(&format!("{place}/{beside}")) {
                            Ok(found) => all.extend(found.map(|file| (beside, file))),
                            Err(cause) => return Ok(Err(cause)),
                        }
                    }
                    for (name, file) in all {
                        if let Err(cause) = copy_file(file, &to.join(name), &mut left)? {
                            return Ok(Err(cause));
                        }
                    }
                    return Ok(Ok(Some(())));
                }
            }
        }
    }
    Ok(Ok(None))
}

fn copy_file(mut from: File, to: &Utf8Path, left: &mut u64) -> Result<io::Result<()>> {
    let mut to = match File::create_new(to) {
        Ok(to) => to,
        Err(cause) => return Ok(Err(cause)),
    };
    let mut piece = vec![0; PIECE];
    loop {
        interrupt::check().map_err(failure::interrupted)?;
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok(Ok(())),
            Ok(read) => read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Ok(Err(cause)),
        };
        let Some(rest) = left.checked_sub(read as u64) else {
            return Ok(Err(io::Error::other("it is too large")));
        };
        *left = rest;
        if let Err(cause) = to.write_all(piece.get(..read).unwrap_or_default()) {
            return Ok(Err(cause));
        }
    }
}
