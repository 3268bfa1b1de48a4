//! The OS tree of an NFS image beside its versions: packed once, and the same tree on another server.
#![allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]

use super::super::nfs::Nfs;
use super::*;
use disklessset_tests::{hostile_tree, tree_facts::TreeFacts};

/// A site that pulls, with the directories that stand once there was an image.
pub(super) fn other() -> TestRoot {
    warmed_up(&["demo", "nfs"])
}

pub(super) fn staging(root: &TestRoot) -> Utf8PathBuf {
    root.path().join("diskless/images/nfsimages/staging")
}

#[track_caller]
pub(super) fn push_tree(root: &TestRoot, to: &str) -> Value {
    let words = ["--format", "json", "push", "st", to, "--plain-http", "--with-tree"];
    run(root, &words).expect_done().json()["pushed"].clone()
}

/// What an archive does not keep: a socket is its server's, and flags are no part of the format; access is what the reading made it.
fn is_kept(difference: &str) -> bool {
    !["accessed", "immutable", "append_only", "append-only"].iter().any(|word| difference.contains(word))
        && !difference.contains("socket\": missing")
        // A FIFO with two names becomes two.
        && !difference.contains("fifo")
}

#[test]
fn all_of_a_tree_comes_out_as_it_went_in() {
    disklessset_tests::need!(
        need::root(),
        need::tool("docker-registry"),
        need::tool("zstd"),
        need::tool("setcap"),
        need::tool("setfacl")
    );
    let nfs = Nfs::new();
    let odd = nfs.tree.join("srv/odd");
    std::fs::create_dir_all(&odd).unwrap();
    hostile_tree::fill(&odd);
    // Flags are not kept, and files that may not be removed would outlive the test.
    let _ = nfs.root.tool("chattr", &["-R", "-i", "-a", odd.join("var/kept").as_str()]).run();
    // Paths that are longer than the system takes at once: no archive can be unpacked there.
    for deep in odd.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()) {
        if deep.file_name().is_some_and(|name| name.starts_with("ddd")) {
            let _ = nfs.root.tool("rm", &["-rf", deep.as_str()]).run().expect_done();
        }
    }
    nfs.staging("st");
    let server = Server::start(&nfs.root, &Setup::Plain);
    let repository = repository(&server, "st");
    let _ = push_tree(&nfs.root, &repository);
    let other = other();
    let _ = pull(&other, &format!("{repository}:v1"), &[]);
    let facts = |root: &TestRoot| TreeFacts::of(&staging(root).join("st")).unwrap();
    let mut differences = facts(&nfs.root).differences(&facts(&other));
    differences.retain(|line| is_kept(line));
    assert!(differences.is_empty(), "{differences:#?}");
    // Files that may not be changed go with their images.
    let _ = run(&other, &["remove", "st", "--yes"]).expect_done();
    nfs.done(&["remove", "st", "--yes"]);
}

#[test]
fn an_nfs_image_with_its_tree_is_the_same_image_on_another_server() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"), need::tool("zstd"));
    let nfs = Nfs::new();
    nfs.staging("st");
    let shadow = nfs.staging_tree("st").join("etc/shadow");
    std::fs::write(&shadow, "root:$6$salt$hash:1::::::\n").unwrap();
    let server = Server::start(&nfs.root, &Setup::Plain);
    let repository = repository(&server, "st");
    nfs.refused(&["push", "st", &repository, "--plain-http"], 5, "is no part of its versions");
    let planned = ["push", "st", &repository, "--plain-http", "--with-tree", "--dry-run"];
    let planned = nfs.run(&planned).expect_done();
    assert!(
        planned.stdout.contains("and its OS tree") && planned.stdout.contains("v1, current"),
        "{planned}"
    );
    let before = Snapshot::of(&nfs.root);
    let words = ["push", "st", &repository, "--plain-http", "--with-tree"];
    let _ = nfs.run(&words).expect_done().expect_said("has the hash of root's password");
    before.assert_same_as_now(&nfs.root);
    // The same tree is the same archive.
    let again = push_tree(&nfs.root, &repository);
    assert_eq!(again["files_sent"], 0, "{again}");

    let other = other();
    let from = format!("{repository}:current");
    let before = Snapshot::of(&other);
    let _ = run(&other, &["pull", &from, "--plain-http", "--dry-run"]).expect_done();
    before.assert_same_as_now(&other);
    let _ = run(&other, &["pull", &from, "other", "--plain-http"])
        .expect_code(5)
        .expect_said("mount another tree");
    before.assert_same_as_now(&other);
    let pulled = pull(&other, &from, &[]);
    assert_eq!((&pulled["version"], &pulled["state"]), (&"st@1".into(), &"current".into()), "{pulled}");
    assert!(incoming(&other).is_empty());
    assert_eq!(boot_file(&nfs.root, "st"), boot_file(&other, "st"));
    let _ = run(&other, &["verify"]).expect_done();
    // No node can fetch what only root may read.
    let blobs = other.oci_dir().join("blobs/sha256").read_dir_utf8().unwrap();
    assert!(blobs.map(|blob| blob.unwrap().metadata().unwrap().len()).all(|size| size < 1 << 20));

    // It is an image like another: golden images are made of it, and it goes without a trace.
    let _ = run(&other, &["pull", &from, "--plain-http"]).expect_code(5).expect_said("never replaced");
    let _ = run(&other, &["nfs", "create-golden", "g", "--from", "st"]).expect_done();
    let _ = run(&other, &["remove", "g", "st", "--yes"]).expect_done();
    assert!(!staging(&other).join("st").exists());

    // A tree that changed goes under the same number: it is the same version.
    std::fs::write(nfs.staging_tree("st").join("etc/motd"), "two").unwrap();
    assert_eq!(push_tree(&nfs.root, &repository)["files_sent"], 1);
    let _ = pull(&other, &from, &[]);
    assert_eq!(std::fs::read_to_string(staging(&other).join("st/etc/motd")).unwrap(), "two");
}

#[test]
fn an_image_that_is_more_than_its_tree_is_refused_and_so_is_a_mirror_of_one() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("docker-registry"), need::tool("zstd"));
    let nfs = Nfs::with_golden();
    let server = Server::start(&nfs.root, &Setup::Plain);
    let to = repository(&server, "g");
    for more in [&[][..], &["--dry-run"]] {
        let words = [&["push", "g", &to, "--plain-http", "--with-tree"], more].concat();
        nfs.refused(&words, 5, "is more than its OS tree");
    }
    let to = repository(&server, "st");
    let _ = push_tree(&nfs.root, &to);
    let other = other();
    let before = Snapshot::of(&other);
    let _ = run(&other, &["mirror", &to, "--plain-http"])
        .expect_code(5)
        .expect_said("an OS tree that nodes mount");
    before.assert_same_as_now(&other);
    // A class that no module here has.
    let bare = warmed_up(&["demo"]);
    let before = Snapshot::of(&bare);
    let _ = run(&bare, &["pull", &format!("{to}:v1"), "--plain-http"])
        .expect_code(5)
        .expect_said("no module here has that class");
    before.assert_same_as_now(&bare);
}
