//! Given nodes and pools: who boots what, and the files that say so.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what fails here fails the test, and files are changed as an administrator does"
)]

mod boot_files;
mod on_record;
mod pools_of_versions;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

/// A root with the image `web` in three versions, the newest of which is current.
fn world() -> TestRoot {
    let root = TestRoot::with_modules(&["demo"]);
    done(&root, &["demo", "create", "web"]);
    done(&root, &["demo", "message", "web", "two"]);
    done(&root, &["demo", "message", "web", "three"]);
    root
}

#[track_caller]
fn done(root: &TestRoot, words: &[&str]) -> String {
    root.disklessset(words).run().expect_done().stdout
}

#[track_caller]
fn refused(root: &TestRoot, words: &[&str], code: i32, said: &str) {
    let before = Snapshot::of(root);
    let _ = root.disklessset(&[&["--dry-run"], words].concat()).run().expect_code(code).expect_said(said);
    let _ = root.disklessset(words).run().expect_code(code).expect_said(said);
    before.assert_same_as_now(root);
}

fn boot(root: &TestRoot) -> Utf8PathBuf {
    root.path().join("var/www/html/preboot_execution_environment/diskless/boot")
}

fn text(root: &TestRoot, file: &str) -> String {
    let path = boot(root).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{path}: {cause}"))
}

/// The boot files with their inodes: one that was written has another.
fn files(root: &TestRoot) -> BTreeMap<Utf8PathBuf, u64> {
    fn below(top: &Utf8Path, directory: &Utf8Path, found: &mut BTreeMap<Utf8PathBuf, u64>) {
        for entry in directory.read_dir_utf8().unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => below(top, entry.path(), found),
                false => {
                    let name = entry.path().strip_prefix(top).unwrap().to_owned();
                    found.insert(name, entry.metadata().unwrap().ino());
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    below(&boot(root), &boot(root), &mut found);
    found
}

fn names(root: &TestRoot) -> Vec<String> {
    files(root).into_keys().map(Utf8PathBuf::into_string).collect()
}
