//! The database of apk: one file with a paragraph for each package, the files of each in it.

use super::{
    compared::{Key, Packages},
    database::{Tree, Unreadable, add},
    lines::{Lines, text},
};
use std::io::{self, BufReader};

/// Alpine moves it from one to the other.
const PLACES: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// What was read of it.
pub(super) struct Database {
    pub(super) packages: Packages,
    tree: Tree,
    place: &'static str,
}

/// Reads it; nothing where the tree has none.
pub(super) fn read(tree: Tree) -> Result<Option<Database>, Unreadable> {
    for place in PLACES {
        if tree.file(place).map_err(Unreadable::of(place))?.is_some() {
            let mut database = Database { packages: Packages::new(), tree, place };
            let mut packages = Packages::new();
            let each = &mut |event: Event<'_>| match event {
                Event::Package(key, version) => add(&mut packages, key, version),
                Event::File(..) => Ok(()),
            };
            database.walk(each).map_err(Unreadable::of(place))?;
            database.packages = packages;
            return Ok(Some(database));
        }
    }
    Ok(None)
}

/// What its lines say.
enum Event<'a> {
    /// A package has been named with all that is needed of it; its files follow.
    Package(Key, String),
    /// A file in a directory of the package.
    File(&'a [u8], &'a [u8]),
}

impl Database {
    fn walk(&self, each: &mut dyn FnMut(Event<'_>) -> io::Result<()>) -> io::Result<()> {
        let Some(file) = self.tree.file(self.place)? else { return Ok(()) };
        let mut lines = Lines::of(BufReader::new(file));
        let (mut name, mut version, mut architecture) = (None, None, None);
        let mut directory = Vec::new();
        loop {
            let line = lines.next()?;
            let (field, value) = match line {
                Some([field, b':', value @ ..]) => (*field, value),
                Some(b"") | None => (0, &b""[..]),
                Some(_) => continue,
            };
            // Its files come behind all that names a package.
            if matches!(field, 0 | b'F')
                && let (Some(name), Some(version)) = (name.take(), version.take())
            {
                let architecture = architecture.take().unwrap_or_default();
                each(Event::Package(Key { name, architecture }, version))?;
            }
            match field {
                b'P' => name = Some(text(value)),
                b'V' => version = Some(text(value)),
                b'A' => architecture = Some(text(value)),
                b'F' => {
                    directory.clear();
                    directory.extend_from_slice(value);
                }
                b'R' => each(Event::File(&directory, value))?,
                _ => {}
            }
            if line.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) fn files(
        &self,
        wanted: &dyn Fn(&Key) -> Option<u32>,
        file: &mut dyn FnMut(&[u8], u32) -> bool,
    ) {
        let mut number = None;
        let mut path = Vec::new();
        // What ends it early is no fault, and a fault has been told of when the packages were read.
        let _ = self.walk(&mut |event| {
            match event {
                Event::Package(key, _) => number = wanted(&key),
                Event::File(directory, name) => {
                    let Some(number) = number else { return Ok(()) };
                    path.clear();
                    for part in [b"/", directory, b"/", name] {
                        path.extend_from_slice(part);
                    }
                    if !file(&path, number) {
                        return Err(io::Error::other("enough"));
                    }
                }
            }
            Ok(())
        });
    }
}
