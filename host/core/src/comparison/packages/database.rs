//! The package database of one manager in one tree.

use super::{
    apk,
    compared::{Key, Manager, Packages},
    dpkg, rpm,
};
use crate::comparison::{files::Which, found::Trees};
use camino::Utf8Path;
use disklessset_plugin_api::Result;
use disklessset_system::beneath::{self, Links, Mounts};
use rustix::{
    fd::OwnedFd,
    fs::{Dir, FileType, Mode, OFlags},
    io::Errno,
};
use std::{fs::File, io, path::Path};

/// More packages than any distribution has: a database with more of them is not kept in memory.
const MOST: usize = 200_000;

/// Why the packages of a tree are not known.
#[derive(Debug)]
pub(super) struct Unreadable(pub(super) String);

impl Unreadable {
    pub(super) fn of(what: &str) -> impl Fn(io::Error) -> Self + '_ {
        move |cause| Self(format!("{what}: {cause}"))
    }
}

/// A stop that was asked for outside, a database that cannot be read inside.
pub(super) type Read<T> = Result<std::result::Result<T, Unreadable>>;

/// A database that was read, and how the files of its packages are found.
pub(super) enum Database {
    Dpkg(dpkg::Database),
    Apk(apk::Database),
    Rpm(rpm::Database),
}

/// Reads the database of a manager; nothing where the tree has none.
pub(super) fn open(manager: Manager, trees: &Trees<'_>, which: Which) -> Read<Option<Database>> {
    let tree = match Tree::at(trees.of(which)) {
        Ok(tree) => tree,
        Err(cause) => return Ok(Err(Unreadable::of("the tree cannot be opened")(cause))),
    };
    match manager {
        Manager::Dpkg => Ok(dpkg::read(tree).map(|read| read.map(Database::Dpkg))),
        Manager::Apk => Ok(apk::read(tree).map(|read| read.map(Database::Apk))),
        Manager::Rpm => {
            let read = rpm::read(tree, trees, which)?;
            Ok(read.map(|read| read.map(Database::Rpm)))
        }
    }
}

impl Database {
    pub(super) fn packages(&self) -> &Packages {
        match self {
            Self::Dpkg(of) => &of.packages,
            Self::Apk(of) => &of.packages,
            Self::Rpm(of) => &of.packages,
        }
    }

    /// Names the files of packages, absolute paths as the database has them, until `file` has enough. What
    /// cannot be read is left out: it
    /// only groups.
    pub(super) fn files(
        &self,
        wanted: &dyn Fn(&Key) -> Option<u32>,
        file: &mut dyn FnMut(&[u8], u32) -> bool,
    ) -> Result<()> {
        match self {
            Self::Dpkg(of) => of.files(wanted, file),
            Self::Apk(of) => of.files(wanted, file),
            Self::Rpm(of) => return of.files(wanted, file),
        }
        Ok(())
    }
}

/// Adds a package.
///
/// # Errors
/// When there are too many.
pub(super) fn add(packages: &mut Packages, key: Key, version: String) -> io::Result<()> {
    if packages.len() >= MOST {
        return Err(io::Error::other("there are too many packages in it"));
    }
    packages.entry(key).or_default().push(version);
    Ok(())
}

/// A tree whose files are read with the tree as their root.
pub(super) struct Tree(OwnedFd);

impl Tree {
    /// The tree in this directory.
    pub(super) fn at(path: &Utf8Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path.as_std_path(), flags, Mode::empty())?))
    }

    fn inside(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let open = |flags| beneath::inside(&self.0, Path::new(path), flags, Links::Inside, Mounts::Refused);
        let opened = match open(flags | OFlags::NOATIME) {
            Err(Errno::PERM) => open(flags),
            opened => opened,
        };
        opened.map_err(io::Error::from)
    }

    /// Opens a regular file; nothing where there is none.
    pub(super) fn file(&self, path: &str) -> io::Result<Option<File>> {
        let opened = match self.inside(path, OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(opened) => opened,
            Err(cause) if is_missing(&cause) => return Ok(None),
            Err(cause) => return Err(cause),
        };
        let stat = rustix::fs::fstat(&opened)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(Some(File::from(opened)))
    }

    /// The names in a directory, sorted; nothing where there is none.
    pub(super) fn names(&self, path: &str) -> io::Result<Option<Vec<String>>> {
        let opened = match self.inside(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(opened) => opened,
            Err(cause) if is_missing(&cause) => return Ok(None),
            Err(cause) => return Err(cause),
        };
        let mut names = Vec::new();
        for entry in Dir::new(opened)? {
            let entry = entry?;
            // Names that are not UTF-8 are none of a package manager.
            names.extend(
                entry.file_name().to_str().ok().filter(|name| !name.starts_with('.')).map(str::to_owned),
            );
            if names.len() > MOST {
                return Err(io::Error::other("there are too many names in it"));
            }
        }
        names.sort();
        Ok(Some(names))
    }

    /// Whether there is a directory of the tree itself, behind no link.
    pub(super) fn has_directory(&self, path: &str) -> bool {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        beneath::inside(&self.0, Path::new(path), flags, Links::Refused, Mounts::Entered).is_ok()
    }

    /// Whether there is a regular file, links inside the tree followed.
    pub(super) fn has_file(&self, path: &str) -> bool {
        self.file(path).is_ok_and(|file| file.is_some())
    }

    /// What a link at the top says, without leading slashes.
    pub(super) fn link(&self, name: &str) -> Option<Vec<u8>> {
        let target = rustix::fs::readlinkat(&self.0, name, Vec::new()).ok()?.into_bytes();
        let start = target.iter().position(|byte| *byte != b'/')?;
        target.get(start..).map(<[u8]>::to_vec)
    }
}

fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
