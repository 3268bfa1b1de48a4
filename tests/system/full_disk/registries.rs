//! What comes from registries: versions that are pulled, OS trees, and all that a mirror brings.

use disklessset_tests::loop_disk::Disk;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::warmed_up;

use super::super::nfs::Nfs;
use super::super::registry::server::{Server, Setup};
use super::super::small::{Small, put};
use super::{OnDisk, Trial};

const ENOUGH: u64 = 32 << 20;
const WEIGHT: usize = 6 << 20;

fn noise() -> Vec<u8> {
    let mut bytes = vec![0; WEIGHT];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    bytes
}

fn done(root: &TestRoot, words: &[&str]) {
    let _ = root.disklessset(words).run().expect_done();
}

/// A pull of a new image onto a disk with more and more room.
fn pulled(root: &TestRoot, from: &str, image: &str) {
    let disk = OnDisk::new(root, &root.path(), Disk::Ext4, 96);
    let trial = Trial {
        root,
        disk: &disk,
        command: &["pull", from, "--plain-http"],
        ready: &|| {
            if root.status(image).is_some() {
                done(root, &["remove", image, "--yes"]);
            }
        },
        old: &|| assert!(root.images().is_empty()),
        enough: ENOUGH,
    };
    let _ = trial.sweep();
    done(root, &["verify"]);
}

#[test]
fn a_pull_leaves_nothing_of_an_image_that_does_not_fit() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"), need::tool("docker-registry"));
    let small = Small::new();
    put(&small.tree.join("srv/noise"), &noise(), 0o644);
    let _ = small.create("web", &[]).run().expect_done();
    let server = Server::start(&small.root, &Setup::Plain);
    let to = format!("{}/images/web", server.host());
    done(&small.root, &["push", "web", &to, "--plain-http"]);
    pulled(&warmed_up(&["demo", "livenet"]), &format!("{to}:v1"), "web");
}

#[test]
fn a_pull_leaves_nothing_of_a_tree_that_does_not_fit() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mkfs.ext4"),
        need::tool("docker-registry"),
        need::tool("zstd")
    );
    let nfs = Nfs::new();
    put(&nfs.tree.join("srv/noise"), &noise(), 0o644);
    nfs.staging("st");
    let server = Server::start(&nfs.root, &Setup::Plain);
    let to = format!("{}/images/st", server.host());
    done(&nfs.root, &["push", "st", &to, "--plain-http", "--with-tree"]);
    let other = warmed_up(&["demo", "nfs"]);
    // Its directory stands from the first tree on.
    done(&other, &["pull", &format!("{to}:v1"), "--plain-http"]);
    done(&other, &["remove", "st", "--yes"]);
    pulled(&other, &format!("{to}:v1"), "st");
}

#[test]
fn a_mirror_stays_as_it_was_when_what_it_brings_does_not_fit() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"), need::tool("docker-registry"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let server = Server::start(&small.root, &Setup::Plain);
    let to = format!("{}/images/web", server.host());
    done(&small.root, &["push", "web", &to, "--plain-http"]);
    let mirror = TestRoot::with_modules(&["livenet"]);
    let disk = OnDisk::new(&mirror, &mirror.path(), Disk::Ext4, 96);
    let bring = ["mirror", &to, "--plain-http"];
    done(&mirror, &bring);
    let boots = || std::fs::read_to_string(mirror.image_dir("web").join("boot.ipxe")).unwrap();
    let old = boots();
    put(&small.tree.join("srv/noise"), &noise(), 0o644);
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    let _ = small.create("web", &["--layout", "classic"]).run().expect_done();
    let other = format!("{}/images/new", server.host());
    done(&small.root, &["push", "web", &other, "--plain-http"]);
    let trial = Trial {
        root: &mirror,
        disk: &disk,
        command: &["mirror", &other, "--plain-http"],
        ready: &|| {
            if boots() != old {
                done(&mirror, &bring);
            }
        },
        old: &|| assert_eq!(boots(), old),
        enough: ENOUGH,
    };
    let _ = trial.sweep();
}
