//! Directories of exactly the mode that was asked for, whatever the umask of the server: nodes may see them.

use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use disklessset_system::{FileError, durable};

/// Makes a directory of exactly this mode.
///
/// # Errors
/// When it is there already or cannot be made.
pub fn make(path: &Utf8Path, mode: u32) -> Result<()> {
    durable::create_dir_unflushed(path, mode).map_err(|error| fault(path, error))
}

/// Makes a directory of exactly this mode; one that is there is fine and stays as it is.
///
/// # Errors
/// When something else is there, or it cannot be made.
pub fn ensure(path: &Utf8Path, mode: u32) -> Result<()> {
    match durable::create_dir_unflushed(path, mode) {
        Err(_) if path.symlink_metadata().is_ok_and(|found| found.is_dir()) => Ok(()),
        made => made.map_err(|error| fault(path, error)),
    }
}

/// Has on disk what was renamed, made or removed beside a path, and what the path was called.
///
/// # Errors
/// What the system refuses.
pub fn flush_above(path: &Utf8Path) -> Result<()> {
    let parent = path.parent().unwrap_or(Utf8Path::new("/"));
    durable::sync_dir(parent)
        .map_err(|error| Error::failed(format!("cannot flush {parent} to disk")).because(error.source))
}

fn fault(path: &Utf8Path, error: FileError) -> Error {
    Error::failed(format!("cannot make {path}")).because(error.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn directories_have_the_mode_that_was_asked_for_and_stay_when_they_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap();
        let (made, link) = (top.join("made"), top.join("link"));
        make(&made, 0o777).unwrap();
        ensure(&made, 0o700).unwrap();
        flush_above(&made).unwrap();
        assert_eq!(made.metadata().unwrap().mode() & 0o7777, 0o777);
        let twice = make(&made, 0o777).unwrap_err().to_string();
        assert!(twice.contains(&format!("cannot make {made}")), "{twice}");
        symlink(&made, &link).unwrap();
        assert!(ensure(&link, 0o755).is_err(), "a link may lead anywhere");
    }
}
