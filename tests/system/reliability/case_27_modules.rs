//! Given files in the modules directory that are no modules, or not to be trusted: each is refused with one line before any of its code
//! runs, and the others work. (Every single way of being wrong: the tests of the modules themselves.)
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::{PermissionsExt, chown, symlink};

use camino::Utf8PathBuf;
use disklessset_tests::canary::Canary;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run;
use disklessset_tests::stage::warmed_up;

use crate::system::small::put;

const NOBODY: u32 = 65534;

#[test]
fn case_27_what_is_no_module_of_ours_is_refused_and_the_others_work() {
    disklessset_tests::need!(need::root());
    let root = warmed_up(&["demo", "livenet"]);
    let canary = Canary::plant(&root.beside().join("canary"));
    let whole = std::fs::read(run::built_module("tuned")).unwrap();
    let place = |name: &str| -> Utf8PathBuf { root.modules_dir().join(format!("{name}_module.so")) };
    put(&place("empty"), b"", 0o644);
    put(&place("text"), b"#!/bin/sh\ntouch /tmp/ran\n", 0o755);
    put(&place("cut"), &whole[..whole.len() / 2], 0o644);
    put(&place("writable"), &whole, 0o666);
    put(&place("foreign"), &whole, 0o644);
    chown(place("foreign"), Some(NOBODY), None).unwrap();
    std::fs::create_dir(place("directory")).unwrap();
    nix::unistd::mkfifo(place("fifo").as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink(canary.path().join("precious"), place("link")).unwrap();
    symlink("/nowhere", place("dangling")).unwrap();
    // The class of another under another name, and no word of who it is.
    std::fs::copy(run::built_module("demo"), place("second")).unwrap();
    std::fs::copy(run::built_module("mute"), place("mute")).unwrap();
    std::fs::copy("/bin/true", place("program")).unwrap();
    let bad = [
        "empty",
        "text",
        "cut",
        "writable",
        "foreign",
        "directory",
        "fifo",
        "link",
        "dangling",
        "second",
        "program",
    ];
    let before = Snapshot::of(&root);
    let listed = root.disklessset(&["module", "list", "--format", "json"]).run().expect_done().json();
    let modules = listed["modules"].as_array().unwrap();
    for name in bad {
        let file = place(name);
        let one = modules.iter().find(|module| {
            module["file"].as_str().is_some_and(|path| path.ends_with(file.file_name().unwrap()))
        });
        let one = one.unwrap_or_else(|| panic!("{name} is not listed: {listed}"));
        assert_ne!(one["state"], "ready", "{one}");
        let reason = one["reason"].as_str().unwrap_or_else(|| panic!("no reason: {one}"));
        assert!(!reason.is_empty() && !reason.contains('\n'), "{one}");
    }
    before.assert_same_as_now(&root);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let _ = root.disklessset(&["list"]).run().expect_done();
    let _ = root.disklessset(&["livenet", "--help"]).run().expect_done();
    let _ = root.disklessset(&["remove", "a", "--yes"]).run().expect_done();
    canary.assert_untouched();
    // A directory that others may write to makes all in it nobody's word.
    std::fs::set_permissions(root.modules_dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_refusal(&[2, 3, 5]);
    let _ = root.disklessset(&["list"]).run().expect_done();
    std::fs::set_permissions(root.modules_dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(root.images().is_empty());
}

#[test]
fn case_27_a_panic_of_a_module_is_one_line_and_leaves_nothing() {
    let root = warmed_up(&["demo", "misbehaving"]);
    let before = Snapshot::of(&root);
    for word in ["create", "create-drop"] {
        let _ =
            root.disklessset(&["misbehaving", word, "x"]).run().expect_refusal(&[1]).expect_said("panicked");
        before.assert_same_as_now(&root);
    }
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
}
