//! A hint is a promise: what it says to type is typed here as it stands, and mends what it was said of.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::{PermissionsExt, chown};

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Outcome;

use super::image_signing::sign;
use super::small::{KERNEL, Small, kernels};
use super::verify::{finding, good};

/// Types a line with a program of the system in it.
#[track_caller]
fn typed(root: &TestRoot, line: &str) {
    let mut words = line.split(' ');
    let program = words.next().unwrap();
    assert!(["chown", "chmod", "mkdir", "umount"].contains(&program), "not typed here: {line}");
    let _ = root.tool(program, &words.collect::<Vec<_>>()).run().expect_done();
}

/// The hint under a refusal.
#[track_caller]
fn hint(refused: &Outcome) -> String {
    let line = refused.said.lines().find_map(|line| line.strip_prefix("hint: "));
    line.unwrap_or_else(|| panic!("no hint: {refused}")).to_owned()
}

fn mode(path: &Utf8Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn what_makes_a_module_trusted_does() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::with_modules(&["demo"]);
    let (file, dir) = (root.modules_dir().join("demo_module.so"), root.modules_dir());
    let theirs = |path: &Utf8Path| chown(path, Some(65534), None).unwrap();
    let faults: [(&str, &dyn Fn()); 4] = [
        ("chown root ", &|| theirs(&file)),
        ("chmod go-w ", &|| mode(&file, 0o666)),
        ("chown root ", &|| theirs(&dir)),
        ("chmod go-w ", &|| mode(&dir, 0o775)),
    ];
    for (number, (begins, make)) in faults.into_iter().enumerate() {
        make();
        let create = ["demo", "create", &format!("image{number}")];
        let refused = root.disklessset(&create).run().expect_refusal(&[2, 5]);
        let hint = hint(&refused);
        assert!(hint.starts_with(begins), "{refused}");
        typed(&root, &hint);
        let _ = root.disklessset(&create).run().expect_done();
    }
}

#[test]
fn what_lets_a_key_sign_and_a_web_server_read_does() {
    disklessset_tests::need!(need::root(), need::tool("openssl"));
    let small = Small::new();
    let root = &small.root;
    sign(root);
    let key = root.path().join("etc/disklessset/site.key");
    mode(&key, 0o640);
    let refused = small.run(&["verify", "--record"]).expect_code(5);
    typed(root, &hint(&refused));
    let _ = small.run(&["verify", "--record"]).expect_done();
    good(root);
    mode(&kernels(root).join(format!("vmlinuz-{KERNEL}")), 0o600);
    let mends = finding(root, KERNEL, &["a web server may not read"]);
    typed(root, &mends);
    good(root);
}

#[test]
fn what_makes_a_root_does() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::with_modules(&["demo"]);
    std::fs::remove_dir(root.path()).unwrap();
    let create = ["demo", "create", "web"];
    let refused = root.disklessset(&create).run().expect_refusal(&[1, 2, 3, 5]);
    typed(&root, &hint(&refused));
    let _ = root.disklessset(&create).run().expect_done();
}
