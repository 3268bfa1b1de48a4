//! The same world again and again: a test root saved once and put back before every fault.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::facts::{self, FileFacts};
use crate::place;
use crate::residue::Snapshot;
use crate::root::TestRoot;
use crate::run::{Program, Running};
use crate::strace;

/// A saved test root.
#[derive(Debug)]
pub struct Stage<'a> {
    root: &'a TestRoot,
    saved: Utf8PathBuf,
}

impl<'a> Stage<'a> {
    /// Saves the root as it is now.
    #[track_caller]
    pub fn of(root: &'a TestRoot) -> Self {
        let saved = root.beside().join("saved");
        assert!(!saved.exists(), "one saved root at a time: forget the other first");
        copy(root, &root.path(), &saved);
        Self { root, saved }
    }

    /// Gives the saved one up.
    pub fn forget(self) {
        let saved = &self.saved;
        std::fs::remove_dir_all(saved).unwrap_or_else(|cause| panic!("cannot remove {saved}: {cause}"));
    }

    /// Puts the root back as it was saved, whatever has become of it; what is mounted in it is detached first.
    #[track_caller]
    pub fn restore(&self) {
        let path = self.root.path();
        let _ =
            place::remove_with_mounts(&path).unwrap_or_else(|cause| panic!("cannot remove {path}: {cause}"));
        copy(self.root, &self.saved, &path);
    }
}

#[track_caller]
fn copy(root: &TestRoot, from: &Utf8Path, to: &Utf8Path) {
    let _ = root.tool("cp", &["-a", "--reflink=auto", from.as_str(), to.as_str()]).run().expect_done();
}

/// A root in which an image has been made and removed, so that the standing directories are there.
pub fn warmed_up(modules: &[&str]) -> TestRoot {
    let root = TestRoot::with_modules(modules);
    let _ = root.disklessset(&["demo", "create", "warm-up"]).run().expect_done();
    let _ = root.disklessset(&["remove", "warm-up", "--yes"]).run().expect_done();
    root
}

/// Starts a program that stands still for some seconds before its first changing call with a text in it (a name of a file
/// or `mkdir`), and waits until it has registered a creation, which comes before. `around` may put it behind another program.
#[track_caller]
pub fn standing_still(
    root: &TestRoot,
    command: &[&str],
    before: &str,
    around: impl FnOnce(Program) -> Program,
) -> Running {
    let stage = Stage::of(root);
    let (_, calls) = strace::record(root, root.disklessset(command));
    stage.restore();
    stage.forget();
    let call = calls.into_iter().find(|call| call.line.contains(before));
    let call = call.unwrap_or_else(|| panic!("{command:?} does nothing with {before}"));
    let slow = around(strace::slow_at(root.disklessset(command), &call, Duration::from_secs(3)));
    let registered =
        || std::fs::read_to_string(root.installations_file()).is_ok_and(|text| text.contains("image_class"));
    slow.start().wait_until(|| registered().then_some(())).0
}

/// What nodes are served of an image: its files without the times of their last change; empty when it is not there.
pub fn served(root: &TestRoot, image: &str) -> BTreeMap<PathBuf, FileFacts> {
    let dir = root.image_dir(image);
    let mut files = facts::files_below(&dir).unwrap_or_else(|cause| panic!("cannot read {dir}: {cause}"));
    for facts in files.values_mut() {
        facts.changed = (0, 0);
        // A file of the state before and one of the state after are the same file until the older state is gone.
        facts.links = 1;
    }
    files
}

/// Asserts that a listing works, leaves everything as it is, and says the same twice; gives back what it said.
#[track_caller]
pub fn listed_unchanged(root: &TestRoot) -> BTreeMap<String, String> {
    let before = Snapshot::of(root);
    let listed: BTreeMap<_, _> = root
        .images()
        .iter()
        .map(|image| {
            let field =
                |name: &str| image[name].as_str().unwrap_or_else(|| panic!("no {name}: {image}")).to_owned();
            assert!(image["problem"].is_null(), "a problem nobody made: {image}");
            (field("name"), field("status"))
        })
        .collect();
    before.assert_same_as_now(root);
    listed
}
