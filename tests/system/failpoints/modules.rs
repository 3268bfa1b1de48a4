//! Modules: their files come and go by renames in a directory that is no image's, below the root here so that it is looked at.

use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{self, Program};

use super::super::kill_points::{Case, Does};
use super::{COMMITTED, Operation, operations};

fn own_modules(root: &TestRoot) -> camino::Utf8PathBuf {
    root.path().join("usr/lib/disklessset/modules.d")
}

/// The program with the modules directory of its root.
fn with_own_modules(root: &TestRoot, words: &[&str]) -> Program {
    let root_option = ["--root", root.path().as_str()].map(str::to_owned);
    root.tool(run::disklessset().as_str(), &[] as &[&str]).args(root_option).args(words)
}

fn without_modules(root: &TestRoot) {
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    // Any module of another test's making would do; the one that is built has the name it is installed by.
    std::fs::copy(run::built_module("demo"), root.beside().join("demo_module.so")).unwrap();
    std::fs::create_dir_all(own_modules(root)).unwrap();
}

fn with_a_module(root: &TestRoot) {
    without_modules(root);
    let _ = with_own_modules(root, INSTALL.command).run().expect_done();
}

/// The module in its place can be used.
fn it_is_used(root: &TestRoot) {
    let listed = with_own_modules(root, &["module", "list"]).run().expect_done().stdout;
    assert!(listed.contains("demo") && listed.contains("ready"), "{listed}");
}

const fn change(command: &'static [&'static str], prepare: fn(&TestRoot)) -> Case {
    Case { modules: &[], command, image: "a", does: Does::Other, prepare }
}
const INSTALL: Case = change(&["module", "install", "demo_module.so"], without_modules);
const REPLACE: Case = change(&["module", "install", "demo_module.so"], with_a_module);
const REMOVE: Case = change(&["module", "remove", "demo", "--yes"], with_a_module);

const fn of_modules(name: &'static str, case: &'static Case) -> Operation {
    // The register of what was installed says when.
    Operation { program: with_own_modules, remade: &["modules.yml"], ..Operation::new(name, case, COMMITTED) }
}

operations! {
    an_installation: Operation { ended: it_is_used, ..of_modules("module install", &INSTALL) };
    a_replacement: Operation { ended: it_is_used, ..of_modules("module install, again", &REPLACE) };
    a_removal: of_modules("module remove", &REMOVE);
}
