//! Given names that break the rules: refused with a reason before anything is touched, or kept exactly.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use disklessset_tests::canary::Canary;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

/// Everything of the table of bad names that an argument can carry.
fn bad_names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        "..", ".", ".hidden", "../up", "a/b", "/abs", "", " ", "a b", "a;id", "$(id)", "`id`", "a\nb",
        "a\tb", "a\\b", "*", "~", "+plus", "_under", "ä", "a:b", "a'b",
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .collect();
    names.push(vec![b'n'; 129]);
    names.push(vec![b'n'; 256]);
    names.push(b"not\xffutf8".to_vec());
    names
}

#[test]
fn bad_names_are_refused_and_nothing_is_touched() {
    let root = TestRoot::with_modules(&["demo"]);
    let canary = Canary::plant(&root.beside().join("canary"));
    let climbing = format!("../../../../../../../..{}", canary.path()).into_bytes();
    let before = Snapshot::of(&root);
    for name in bad_names().into_iter().chain([climbing]) {
        let name = OsStr::from_bytes(&name);
        let arguments: [&[&OsStr]; 4] = [
            &[OsStr::new("demo"), OsStr::new("create"), name],
            &[OsStr::new("remove"), name, OsStr::new("--yes")],
            &[OsStr::new("clear"), name, OsStr::new("--yes")],
            &[OsStr::new("clone"), OsStr::new("a"), name],
        ];
        for args in arguments {
            let _ = root.disklessset(args).run().expect_refusal(&[1, 2, 3, 5]);
        }
        before.assert_same_as_now(&root);
    }
    canary.assert_untouched();
}

#[test]
fn a_name_like_an_option_is_taken_for_one() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "-x"]).run().expect_code(2);
    let _ = root.disklessset(&["demo", "create", "--", "-x"]).run().expect_refusal(&[1, 2, 5]);
}

#[test]
fn names_that_yaml_reads_as_something_else_are_kept_exactly() {
    let root = TestRoot::with_modules(&["demo"]);
    let longest = "n".repeat(128);
    let mut names = ["yes", "null", "007", "1e3", "2024-01-01", "0x1f", "a.b_c+d-e", longest.as_str()];
    for name in names {
        let _ = root.disklessset(&["demo", "create", name]).run().expect_done();
    }
    names.sort_unstable();
    let listed = root.images();
    let listed: Vec<_> = listed.iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(listed, names);
    for name in names {
        let _ = root.disklessset(&["remove", name, "--yes"]).run().expect_done();
    }
    assert!(root.images().is_empty());
}
