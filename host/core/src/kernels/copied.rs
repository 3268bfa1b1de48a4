//! Whether a copy of a kernel's modules has all of them.

use crate::{failure, system::FileError};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Asserts that a copy has every entry of its original, and files of the same lengths: a copier that says it ended well may not have.
///
/// # Errors
/// When one is missing or shorter, which is named, and when a directory cannot be read.
pub(super) fn must_be_whole(original: &Utf8Path, copy: &Utf8Path) -> Result<()> {
    let found = entries(copy)?;
    match entries(original)?.iter().find(|(name, length)| found.get(*name) != Some(length)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::failed(format!(
            "the copy {copy} of {original} lacks {}, or has not all of it",
            name.display()
        ))),
    }
}

/// All entries below a directory with the lengths of files; links are not followed.
fn entries(top: &Utf8Path) -> Result<BTreeMap<PathBuf, u64>> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![top.as_std_path().to_owned()];
    while let Some(directory) = ahead.pop() {
        let fault = |cause| failure::of(FileError::of("read", top)(cause));
        for entry in std::fs::read_dir(&directory).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let metadata = entry.metadata().map_err(fault)?;
            let name = |path: &Path| path.strip_prefix(top).unwrap_or(path).to_owned();
            found.insert(name(&entry.path()), if metadata.is_file() { metadata.len() } else { 0 });
            if metadata.is_dir() {
                ahead.push(entry.path());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_lacks_something_is_found_out() {
        let place = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        for copy in ["a", "b"] {
            std::fs::create_dir_all(place.join(copy).join("kernel")).unwrap();
            for name in ["modules.dep", "kernel/x.ko"] {
                std::fs::File::create(place.join(copy).join(name)).unwrap().set_len(10).unwrap();
            }
        }
        let compared = || must_be_whole(&place.join("a"), &place.join("b"));
        compared().unwrap();
        std::fs::File::create(place.join("b/kernel/x.ko")).unwrap().set_len(9).unwrap();
        assert!(compared().unwrap_err().to_string().contains("lacks kernel/x.ko"));
        std::fs::remove_dir_all(place.join("b/kernel")).unwrap();
        assert!(compared().is_err());
        std::fs::remove_dir_all(place.join("b")).unwrap();
        assert!(compared().is_err());
    }
}
