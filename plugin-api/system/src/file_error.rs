//! The one error of acts on files.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// An act on a file or directory that the system refused; the reason is the error's source.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act} {path}")]
pub struct FileError {
    /// What was tried, as it reads after "cannot": `read`, `create directory`.
    pub act: &'static str,
    /// What it was tried on.
    pub path: Utf8PathBuf,
    /// What the system answered.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// Makes the function that `map_err` wants: `.map_err(FileError::of("read", path))`.
    pub fn of<E: Into<io::Error>>(act: &'static str, path: &Utf8Path) -> impl FnOnce(E) -> Self {
        move |source| FileError { act, path: path.to_owned(), source: source.into() }
    }

    /// The kind of the system's answer, so that callers can tell a missing file from a forbidden one.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether the file or directory is not there.
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }
}
