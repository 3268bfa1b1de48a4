//! Files inside an OS tree, reached so that no link in the tree can lead out of it: those of `disklessset-system`, with errors that `?`
//! makes errors of a module.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Error;
use disklessset_system::tree_files as ground;
pub use disklessset_system::tree_files::NewFile;

/// Why a file inside a tree could not be worked on.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TreeFileError(#[from] ground::TreeFileError);

impl From<TreeFileError> for Error {
    fn from(TreeFileError(error): TreeFileError) -> Self {
        Self::failed(error.to_string()).because(error.source)
    }
}

type Result<T> = std::result::Result<T, TreeFileError>;

/// An OS tree whose files can be read and changed. Nothing below a mount inside it is reached.
#[derive(Debug)]
pub struct TreeFiles(ground::TreeFiles);

impl TreeFiles {
    /// The tree in this directory.
    ///
    /// # Errors
    /// When it is not a directory or cannot be opened.
    pub fn open(tree: &Utf8Path) -> Result<Self> {
        Ok(Self(ground::TreeFiles::open(tree)?))
    }

    /// The tree's directory.
    pub fn path(&self) -> &Utf8Path {
        self.0.path()
    }

    /// What a file says, links inside the tree followed; `None` when there is none (a dangling link included).
    ///
    /// # Errors
    /// When it is no regular file, larger than 16 MiB, behind a loop of links or a mount, or unreadable.
    pub fn read(&self, file: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.read(file)?)
    }

    /// What a text file says, bytes that are not UTF-8 replaced.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_text(&self, file: &str) -> Result<Option<String>> {
        Ok(self.0.read_text(file)?)
    }

    /// Whether something is there, links inside the tree followed.
    pub fn exists(&self, file: &str) -> bool {
        self.0.exists(file)
    }

    /// Whether a directory is there, links inside the tree followed.
    pub fn is_directory(&self, file: &str) -> bool {
        self.0.is_directory(file)
    }

    /// Where a directory of the tree really lies on the server, links inside the tree followed: for tools that take paths.
    ///
    /// # Errors
    /// When it is not there, or its name is not UTF-8.
    pub fn real_path(&self, directory: &str) -> Result<Utf8PathBuf> {
        Ok(self.0.real_path(directory)?)
    }

    /// Where a regular file of the tree really lies on the server, links inside the tree followed; `None` when there is none.
    ///
    /// # Errors
    /// When its name is not UTF-8.
    pub fn real_file(&self, file: &str) -> Result<Option<Utf8PathBuf>> {
        Ok(self.0.real_file(file)?)
    }

    /// What a link says, followed or not; `None` for what is no link, or not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn link_target(&self, file: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.link_target(file)?)
    }

    /// The names in a directory that are UTF-8 (the others are of no use to us); none when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self, directory: &str) -> Result<Vec<String>> {
        Ok(self.0.list(directory)?)
    }

    /// Puts a file in place in one rename. One that was there keeps mode and owner; a link there is replaced by a file of
    /// its own, not followed.
    ///
    /// # Errors
    /// When the directory is not there, or writing fails.
    pub fn replace(&self, file: &str, bytes: &[u8], new: NewFile) -> Result<()> {
        Ok(self.0.replace(file, bytes, new)?)
    }

    /// Makes a directory and those above it, root's with these permission bits; one that is there stays as it is.
    ///
    /// # Errors
    /// When something else is in the way.
    pub fn make_directory(&self, directory: &str, mode: u32) -> Result<()> {
        Ok(self.0.make_directory(directory, mode)?)
    }

    /// Makes a directory root's and takes from all others the right to write in it. Whether something had to be changed.
    ///
    /// # Errors
    /// When it is not there, or cannot be changed.
    pub fn let_only_root_write(&self, directory: &str) -> Result<bool> {
        Ok(self.0.let_only_root_write(directory)?)
    }

    /// Makes a symbolic link, in place of whatever file or link is there.
    ///
    /// # Errors
    /// When the directory is not there or the link cannot be made.
    pub fn link(&self, file: &str, target: &str) -> Result<()> {
        Ok(self.0.link(file, target)?)
    }

    /// Removes a file or a link; nothing there is fine.
    ///
    /// # Errors
    /// When it is a directory or cannot be removed.
    pub fn remove(&self, file: &str) -> Result<()> {
        Ok(self.0.remove(file)?)
    }

    /// Removes everything in a directory and keeps the directory; none there is fine.
    ///
    /// # Errors
    /// When something is mounted inside, or cannot be removed.
    pub fn empty_directory(&self, directory: &str) -> Result<()> {
        Ok(self.0.empty_directory(directory)?)
    }

    /// Removes a directory with everything in it; none there is fine.
    ///
    /// # Errors
    /// As [`Self::empty_directory`].
    pub fn remove_directory(&self, directory: &str) -> Result<()> {
        Ok(self.0.remove_directory(directory)?)
    }

    /// Removes all files below a directory and keeps the directories with their owners and modes, as log directories need.
    ///
    /// # Errors
    /// As [`Self::empty_directory`].
    pub fn empty_of_files(&self, directory: &str) -> Result<()> {
        Ok(self.0.empty_of_files(directory)?)
    }
}
