//! Given a tree of another maker's: root gets in with what was given for it, and the root directory is one that a node can use.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::small::{KERNEL, Small, kernels, make_tree, put, register_kernel};

/// A public key nobody has the private one of.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP7Bh0QdaGTwBDNXu9kGZPvTDO2u1v0bYfRZ2Q2Jb8rJ test@example\n";

fn roots_line(tree: &Utf8Path) -> Vec<String> {
    let shadow = std::fs::read_to_string(tree.join("etc/shadow")).unwrap();
    let root = shadow.lines().find(|line| line.starts_with("root:")).unwrap();
    root.split(':').map(str::to_owned).collect()
}

#[test]
fn a_password_opens_the_account_today_and_later_whatever_the_trees_own_would_have_done() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    for (number, (before, told)) in [
        ("root:!:0:0:99999:7:::", "had to be changed at once"),
        ("root:*:17000:0:60:7:14::", "every 60 days"),
        ("root:*:17000:0:99999:7::18000:", "from day 18000"),
    ]
    .into_iter()
    .enumerate()
    {
        put(&small.tree.join("etc/shadow"), format!("{before}\n").as_bytes(), 0o640);
        let name = format!("web{number}");
        let created =
            small.create(&name, &["--password-file", "-"]).stdin("clear-secret\n").run().expect_done();
        let _ = created.expect_said(told);
        let root = roots_line(&small.unpacked(&name));
        assert!(root[1].starts_with("$6$"), "{root:?}");
        let today = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
        assert!(root[2].parse::<u64>().is_ok_and(|day| day == today || day + 1 == today), "{root:?}");
        assert_eq!(root[4..], ["99999", "7", "", "", ""].map(str::to_owned), "{root:?}");
    }
}

#[test]
fn a_key_lies_in_the_home_that_root_has_in_the_tree_and_opens_an_account_without_password() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    put(&small.tree.join("etc/passwd"), b"root:x:0:0:root:/home/root:/bin/sh\n", 0o644);
    put(&small.tree.join("etc/shadow"), b"root:!locked:19000:0:99999:7:::\n", 0o600);
    let key = small.root.beside().join("key.pub");
    put(&key, KEY.as_bytes(), 0o644);
    let _ = small.create("web", &["--ssh-pub-key", key.as_str()]).run().expect_done();
    let tree = small.unpacked("web");
    let file = tree.join("home/root/.ssh/authorized_keys");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), KEY);
    for (path, mode) in
        [(file.as_path(), 0o600), (file.parent().unwrap(), 0o700), (&tree.join("home/root"), 0o700)]
    {
        let found = path.metadata().unwrap();
        assert_eq!((found.mode() & 0o7777, found.uid(), found.gid()), (mode, 0, 0), "{path}");
    }
    assert!(!tree.join("root/.ssh").exists());
    // A ! in front is a lock to an sshd without PAM.
    assert_eq!(roots_line(&tree)[1], "*");
}

#[test]
fn a_root_directory_that_nodes_could_not_use_is_made_one_and_that_is_told() {
    disklessset_tests::need!(need::root(), need::tool("tar"));
    let root = TestRoot::with_modules(&["nfs"]);
    let tree = root.beside().join("tree");
    make_tree(&root, &tree);
    std::fs::create_dir_all(kernels(&root)).unwrap();
    register_kernel(&root, KERNEL);
    let archive = root.beside().join("tree.tar");
    for (name, mode, owner, expected) in [
        ("a", 0o700, 0, 0o755),
        ("b", 0o777, 0, 0o755),
        ("c", 0o755, 1000, 0o755),
        ("d", 0o2755, 0, 0o755),
        ("e", 0o555, 0, 0o555),
    ] {
        std::os::unix::fs::chown(&tree, Some(owner), Some(owner)).unwrap();
        std::fs::set_permissions(&tree, std::fs::Permissions::from_mode(mode)).unwrap();
        let pack = ["-cf", archive.as_str(), "-C", tree.as_str(), "."];
        let _ = root.tool("tar", &pack).run().expect_done();
        for (kind, source) in [("tree", format!("tree:{tree}")), ("tar", format!("tar:{archive}"))] {
            let name = format!("{kind}-{name}");
            let created =
                root.disklessset(&["nfs", "create-staging", &name, "--kernel", KERNEL, "--source", &source]);
            let created = created.run().expect_done();
            let told =
                created.stderr.contains(&format!("the root directory of the tree had mode {mode:04o}"));
            assert_eq!(told, mode != expected || owner != 0, "{created}");
            let made = root.path().join("diskless/images/nfsimages/staging").join(&name).metadata().unwrap();
            assert_eq!((made.mode() & 0o7777, made.uid(), made.gid()), (expected, 0, 0), "{name}");
        }
    }
}
