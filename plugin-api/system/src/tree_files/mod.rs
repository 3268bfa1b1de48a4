//! Files inside an OS tree, reached so that no link in the tree can lead out of it.
//!
//! Every path is resolved with the tree as its root: `/etc/shadow` behind a link is the tree's, never the server's. Nothing below a
//! mount inside the tree is reached.

mod changing;
mod reading;
mod removing;

use crate::beneath::{self, Links, Mounts};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, Stat},
    io::Errno,
};

/// Why a file inside a tree could not be worked on.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act} {file} in the tree {tree}")]
pub struct TreeFileError {
    /// What was tried.
    pub act: &'static str,
    /// The path inside the tree.
    pub file: String,
    /// The tree.
    pub tree: Utf8PathBuf,
    /// Why not.
    pub source: std::io::Error,
}

type Result<T> = std::result::Result<T, TreeFileError>;

/// Mode and owner of a file that is made anew. A file that is replaced keeps its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewFile {
    /// Permission bits.
    pub mode: u32,
    /// The number of its owner.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

impl NewFile {
    /// Root's, with these permission bits.
    pub const fn of_root(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0 }
    }
}

/// An OS tree whose files can be read and changed.
#[derive(Debug)]
pub struct TreeFiles {
    root: OwnedFd,
    tree: Utf8PathBuf,
}

impl TreeFiles {
    /// The tree in this directory.
    ///
    /// # Errors
    /// When it is not a directory or cannot be opened.
    pub fn open(tree: &Utf8Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = rustix::fs::open(tree.as_std_path(), flags, Mode::empty()).map_err(|cause| {
            TreeFileError { act: "open", file: "/".to_owned(), tree: tree.to_owned(), source: cause.into() }
        })?;
        Ok(Self { root, tree: tree.to_owned() })
    }

    /// The tree's directory.
    pub fn path(&self) -> &Utf8Path {
        &self.tree
    }

    fn fault(&self, act: &'static str, file: &str) -> impl Fn(Errno) -> TreeFileError {
        let (file, tree) = (file.to_owned(), self.tree.clone());
        move |cause| TreeFileError { act, file: file.clone(), tree: tree.clone(), source: cause.into() }
    }

    fn open_at(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        beneath::inside(&self.root, path.as_ref(), flags, Links::Inside, Mounts::Refused)
    }

    fn parent(&self, file: &str) -> rustix::io::Result<(OwnedFd, String)> {
        let path = Utf8Path::new(file.trim_start_matches('/'));
        let name = path.file_name().ok_or(Errno::INVAL)?;
        let parent = path.parent().map_or("", Utf8Path::as_str);
        Ok((self.open_at(parent, OFlags::PATH | OFlags::DIRECTORY)?, name.to_owned()))
    }

    fn stat(&self, file: &str) -> Option<Stat> {
        rustix::fs::fstat(self.open_at(file, OFlags::PATH).ok()?).ok()
    }

    /// Whether something is there, links inside the tree followed.
    pub fn exists(&self, file: &str) -> bool {
        self.stat(file).is_some()
    }

    /// Whether a directory is there, links inside the tree followed.
    pub fn is_directory(&self, file: &str) -> bool {
        self.stat(file).is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }
}

#[cfg(test)]
mod tests;
