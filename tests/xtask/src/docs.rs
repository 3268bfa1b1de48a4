//! `cargo xtask docs`: writes the pages of `docs/` that the program prints itself.

use crate::failure::Failure;
use crate::say;
use crate::source_tree::{SourceTree, cargo};

/// The tests that compare the pages, and write them when they are told to.
const TESTS: [&str; 2] = ["journeys::reference::reference_of_", "system::base_classes::reference_of_"];

/// Builds the program and the modules, and writes the pages. That of the base classes needs root, since
/// images are made for it.
pub(crate) fn task() -> Result<(), Failure> {
    let tree = SourceTree::find()?;
    say::step("build");
    let modules = tree.modules().into_iter().flat_map(|module| ["-p".to_owned(), module.package]);
    cargo().dir(&tree.root).args(["build", "-p", "disklessset"]).args(modules).minutes(30).run()?;
    say::step("write the pages");
    let tests = ["test", "-p", "disklessset-tests", "--test", "suite", "--"];
    cargo()
        .dir(&tree.root)
        .args(tests)
        .args(TESTS)
        .env("DISKLESSSET_WRITE_DOCS", "1")
        .minutes(30)
        .run()
        .map(drop)
}
