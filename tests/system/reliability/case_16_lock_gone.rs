//! Given a lock whose file is removed while somebody holds it, or a `/run` that is another one: who is at work still is, and nobody takes
//! its work away.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;

use crate::system::small::{KERNEL, Small, put};

/// What stands still in a tree until somebody puts a file there.
const STANDS: &str = ": >/begun; while ! test -e /go; do sleep 0.1; done";

#[test]
fn case_16_a_creation_whose_lock_file_is_gone_goes_on() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let script = small.root.beside().join("stands");
    put(&script, format!("#!/bin/sh\n{STANDS}\n").as_bytes(), 0o755);
    let tree = small.root.path().join("var/tmp/diskless/workdir/web/tree");
    let creation = small.create("web", &["--run", script.as_str()]);
    let (running, ()) = creation.start().wait_until(|| tree.join("begun").exists().then_some(()));
    std::fs::remove_dir_all(small.root.path().join("run/disklessset")).unwrap();
    let listed = small.run(&["list", "--format", "json"]).expect_done().json();
    assert_eq!(listed["images"][0]["status"], "IN_CREATION", "{listed}");
    let _ = small.run(&["clean", "--yes"]).expect_done();
    let source = format!("tree:{}", small.tree);
    for busy in [
        &["clean", "web", "--yes"][..],
        &["clear", "web", "--yes"],
        &["livenet", "create", "web", "--kernel", KERNEL, "--source", &source],
    ] {
        let _ = small.run(busy).expect_refusal(&[1, 4]);
    }
    // Beside it others are made.
    let _ = small.create("other", &[]).run().expect_done();
    put(&tree.join("go"), b"", 0o644);
    let _ = running.wait().expect_done();
    let _ = small.run(&["list"]).expect_done();
    let _ = small.run(&["verify", "web", "other"]).expect_done();
    assert!(small.unpacked("web").join("begun").exists());
}

#[test]
fn case_16_an_edit_whose_lock_file_is_gone_goes_on() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let edit = small.root.disklessset(&["livenet", "exec", "web", "--", "/bin/sh", "-c", STANDS]);
    let mnt = small.mnt("web");
    let (running, ()) = edit.start().wait_until(|| mnt.join("begun").exists().then_some(()));
    std::fs::remove_dir_all(small.root.path().join("run/disklessset")).unwrap();
    for command in
        [&["remove", "web", "--yes"][..], &["livenet", "unmount", "web"], &["clone", "web", "copy"]]
    {
        let _ = small.run(command).expect_code(4).expect_said("busy");
    }
    let _ = small.run(&["clean", "--yes"]).expect_done();
    put(&mnt.join("go"), b"", 0o644);
    let _ = running.wait().expect_done();
    assert!(small.unpacked("web").join("begun").exists());
}
