//! `diff` of versions: what has changed since nodes got something else, whoever is at the image meanwhile.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::small::{KERNEL, Small, kernels, put, register_kernel};

/// An image with three versions, whose trees say which they are.
fn three() -> Small {
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    for text in ["two", "three"] {
        let script = format!("echo {text} > /etc/version; echo {text} > /etc/{text}");
        let _ = small.run(&["livenet", "exec", "web", "--", "/bin/sh", "-c", &script]).expect_done();
    }
    small
}

#[test]
fn diff_of_versions_tells_what_changed_and_changes_nothing() {
    disklessset_tests::need!(need::root());
    let small = three();
    let before = Snapshot::of(&small.root);
    let told = |args: &[&str]| small.run(&[&["diff"], args].concat()).expect_done().stdout;
    let since = told(&["web@1", "web@3"]);
    for line in ["  + /etc/two", "  + /etc/three", "  + /etc/version"] {
        assert!(since.lines().any(|one| one == line), "{line:?} in\n{since}");
    }
    let back = told(&["web@3", "web@2"]);
    assert!(back.contains("  - /etc/three\n") && back.contains("  ~ /etc/version: content"), "{back}");
    // With the image, and what the last change was.
    assert_eq!(told(&["web@2"]), told(&["web@2", "web@3"]));
    assert_eq!(told(&["web"]), told(&["web@2", "web"]));
    let _ = small.run(&["tag", "web@1", "good"]).expect_done();
    let json = small.run(&["--format", "json", "diff", "web@good", "web"]).expect_done().json();
    assert_eq!(json["diff"]["images"], serde_json::json!(["web@1", "web"]));
    assert_eq!(json["diff"]["differs"], true);
    let _ = small.run(&["tag", "--delete", "web", "good"]).expect_done();
    let same = small.run(&["diff", "web@3", "web", "--exit-code"]).expect_done();
    let _ = same.expect_said("web@3 and web do not differ");
    before.assert_same_as_now(&small.root);

    for (args, code, said) in [
        (&["web@1", "web@1"][..], 2, "cannot be compared with itself"),
        (&["web@9"], 3, "there is no version web@9"),
        (&["web@1", "nope"], 3, "nope"),
        (&["web@-"], 2, "-"),
    ] {
        small.refused(&[&["diff"], args].concat(), code, said);
    }
}

#[test]
fn diff_of_versions_needs_nothing_of_an_image_that_is_edited_and_no_name_that_is_taken() {
    disklessset_tests::need!(need::root());
    let small = three();
    let _ = small.create("web-version-1", &[]).run().expect_done();
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    put(&small.mnt("web").join("etc/edited"), b"", 0o644);
    let before = Snapshot::of(&small.root);
    let told = small.run(&["diff", "web@1", "web@2"]).expect_done().stdout;
    assert!(told.contains("  + /etc/two\n") && !told.contains("edited"), "{told}");
    let edited = small.run(&["diff", "web@3", "web"]).expect_done().stdout;
    assert!(edited.contains("  + /etc/edited\n"), "{edited}");
    before.assert_same_as_now(&small.root);
    let _ = small.run(&["livenet", "unmount", "web", "--discard"]).expect_done();
    let first = Small::new();
    let _ = first.create("web", &[]).run().expect_done();
    first.refused(&["diff", "web"], 5, "has no version to go back to");
}

#[test]
fn diff_of_versions_tells_an_initramfs_of_the_same_name_that_is_another() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let file = kernels(&small.root).join(format!("vmlinuz-{KERNEL}"));
    std::fs::remove_file(&file).unwrap();
    register_kernel(&small.root, KERNEL);
    put(&file, b"kernel of another build", 0o644);
    let _ = small.run(&["kernel", "set", "web", KERNEL]).expect_done();
    let told = small.run(&["diff", "web@1", "web@2"]).expect_done().stdout;
    let line = told.lines().find(|line| line.starts_with("kernel: ")).unwrap();
    assert!(line.matches(KERNEL).count() == 2 && line.contains(") -> "), "{told}");
}
