//! Who could have planted or could swap what lies on a path.
//!
//! Root loads modules, works and deletes below directories that have names anybody can guess, some of them below
//! `/var/tmp`, where anybody can make things. So a path is walked component by component, by descriptors and without
//! following links blindly, and each component is judged by its owner and mode.

mod error;
mod walk;

pub use error::TrustError;

use crate::FileError;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::{fd::OwnedFd, fs::FileType, io::Errno};
pub(crate) use walk::is_ours;
use walk::{Rule, Walk};

/// Where on the path judging begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From<'a> {
    /// At `/`.
    Top,
    /// At this directory, which the user has chosen and answers for, such as that of `--root`. What is above is not judged.
    Directory(&'a Utf8Path),
}

/// What an audit that found no fault saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audit {
    /// Everything up to the last component.
    Complete,
    /// Everything up to this component, which does not exist: only we can make it.
    MissingFrom(Utf8PathBuf),
}

/// Judges every component of an absolute path: owned by root or the running user, and not to be written by others (a
/// sticky directory such as `/tmp` may be on the way); links only where nobody else could have put them.
///
/// # Errors
/// The first component that is not to be relied on, with its owner and mode.
pub fn audit(path: &Utf8Path, from: From<'_>) -> Result<Audit, TrustError> {
    let mut walk = Walk::start(path, from, Rule::Everything)?;
    Ok(if walk.go_on()? { Audit::Complete } else { Audit::MissingFrom(walk.here) })
}

/// Opens a directory (as O_PATH) after a walk on which links were judged as [`audit`] does, and nothing else was.
/// `None` when it is not there.
pub fn open_directory(path: &Utf8Path) -> Result<Option<OwnedFd>, TrustError> {
    let mut walk = Walk::start(path, From::Top, Rule::Links)?;
    Ok(if walk.go_on()? { Some(walk.current) } else { None })
}

/// Makes what is missing on the way to a directory, by descriptors: `make` is given the directory that a name is missing in, the name,
/// and its path for messages. Links are judged as [`audit`] does, and nothing else is.
///
/// # Errors
/// A link that others could have put there, something on the way that is no directory, and what `make` says.
pub fn complete(
    path: &Utf8Path,
    make: impl Fn(&OwnedFd, &str, &Utf8Path) -> Result<(), FileError>,
) -> Result<(), TrustError> {
    let mut walk = Walk::start(path, From::Top, Rule::Links)?;
    while !walk.go_on()? {
        let missing = walk.here.clone();
        let (Some(parent), Some(name)) = (missing.parent(), missing.file_name()) else {
            return Err(FileError::of("create directory", path)(Errno::NOENT).into());
        };
        match make(&walk.current, name, &missing) {
            // Another process may have been faster; that is as good, and what it is, is judged next.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        walk.here = parent.to_owned();
        walk.ahead.push_front(name.to_owned());
    }
    match FileType::from_raw_mode(walk.stat.st_mode) == FileType::Directory {
        true => Ok(()),
        false => Err(FileError::of("use as a directory", path)(Errno::NOTDIR).into()),
    }
}

#[cfg(test)]
mod tests;
