//! A tree outside the root: whatever the program is told or finds, nothing in it may change.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};

use crate::facts::{self, FileFacts};

/// A planted tree and what it was like.
#[derive(Debug)]
pub struct Canary {
    dir: Utf8PathBuf,
    before: BTreeMap<PathBuf, FileFacts>,
}

impl Canary {
    /// Makes a tree of files, directories and links at `dir`, which must not exist.
    pub fn plant(dir: &Utf8Path) -> Self {
        plant_files(dir).unwrap_or_else(|cause| panic!("cannot plant a canary at {dir}: {cause}"));
        Self::watch(dir)
    }

    /// Watches a tree that is there already.
    pub fn watch(dir: &Utf8Path) -> Self {
        let canary = Self { dir: dir.to_owned(), before: BTreeMap::new() };
        Self { before: canary.now(), ..canary }
    }

    /// Where it is.
    pub fn path(&self) -> &Utf8Path {
        &self.dir
    }

    /// Panics naming the first file that is not exactly as it was, the time of its last change included.
    #[track_caller]
    pub fn assert_untouched(&self) {
        let now = self.now();
        let added: Vec<_> = now.keys().filter(|file| !self.before.contains_key(*file)).collect();
        assert!(added.is_empty(), "the canary {} gained {added:?}", self.dir);
        for (file, before) in &self.before {
            let after = now.get(file);
            assert_eq!(after, Some(before), "the canary lost or changed {}/{}", self.dir, file.display());
        }
    }

    fn now(&self) -> BTreeMap<PathBuf, FileFacts> {
        facts::files_below(&self.dir).unwrap_or_else(|cause| panic!("cannot read {}: {cause}", self.dir))
    }
}

fn plant_files(dir: &Utf8Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir.join("deep/er"))?;
    for (name, text) in [("precious", "do not delete\n"), ("deep/er/.hidden", "hidden\n"), ("deep/empty", "")]
    {
        File::create_new(dir.join(name))?.write_all(text.as_bytes())?;
    }
    std::fs::hard_link(dir.join("precious"), dir.join("deep/precious-too"))?;
    std::os::unix::fs::symlink("../precious", dir.join("deep/link"))?;
    std::fs::set_permissions(dir.join("deep/empty"), Permissions::from_mode(0o400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted() -> (tempfile::TempDir, Canary) {
        let temp = tempfile::tempdir().unwrap();
        let canary = Canary::plant(&Utf8Path::from_path(temp.path()).unwrap().join("canary"));
        (temp, canary)
    }

    #[test]
    fn a_canary_nobody_touched_is_untouched() {
        planted().1.assert_untouched();
    }

    #[test]
    #[should_panic(expected = "precious")]
    fn a_lost_file_is_seen() {
        let (_temp, canary) = planted();
        std::fs::remove_file(canary.path().join("precious")).unwrap();
        canary.assert_untouched();
    }

    #[test]
    #[should_panic(expected = "deep/empty")]
    fn a_changed_mode_is_seen_although_it_was_put_back() {
        let (_temp, canary) = planted();
        let file = canary.path().join("deep/empty");
        for mode in [0o777, 0o400] {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        }
        canary.assert_untouched();
    }

    #[test]
    #[should_panic(expected = "gained")]
    fn a_new_file_is_seen() {
        let (_temp, canary) = planted();
        File::create_new(canary.path().join("deep/er/new")).unwrap();
        canary.assert_untouched();
    }
}
