//! Given a node that boots while another version of its image is released: it comes up whole with what it began with.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::livenet::{PATIENCE, boots, world};
use crate::system::registry::server::{Server, Setup};

/// The digest of the root image that nodes get now.
fn root_image(root: &TestRoot) -> String {
    let boot = std::fs::read_to_string(root.image_dir("versions").join("boot.ipxe")).unwrap();
    let address = boot.split_once("root=live:").unwrap().1.split_whitespace().next().unwrap();
    address.rsplit('/').next().unwrap().to_owned()
}

/// Boots what nodes get; does something when the kernel runs and the root image is not fetched yet. Tells which blobs were fetched.
#[track_caller]
fn fetched(root: &TestRoot, image: &str, meanwhile: impl FnOnce()) -> Vec<String> {
    let console =
        root.path().join(format!("var/log/disklessset/{}.console", image.split('@').next().unwrap()));
    let _ = std::fs::remove_file(&console);
    let proof = root.disklessset(&["-d", "prove", image]).limit(PATIENCE).start();
    let (proof, ()) = proof.wait_until(|| {
        std::fs::read(&console)
            .ok()
            .filter(|text| String::from_utf8_lossy(text).contains("Linux version"))
            .map(drop)
    });
    meanwhile();
    let ended = proof.wait().expect_done();
    let blobs = ended.stderr.lines().filter(|line| line.contains("HTTP 200 ")).filter_map(|line| {
        line.split_once("/blobs/sha256/")
            .map(|(_, rest)| rest.split(' ').next().unwrap_or_default().to_owned())
    });
    blobs.collect()
}

#[test]
fn a_version_that_is_released_while_a_node_boots_is_what_the_next_boot_gets() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::full()
    );
    let root = world();
    let run = |words: &[&str]| root.disklessset(words).limit(PATIENCE).run();
    let _ = run(&["clone", "node", "versions"]).expect_done();
    let edit = ["--hold", "livenet", "exec", "versions", "--", "sh", "-c", "echo two > /etc/motd"];
    let _ = run(&edit).expect_done();
    let old = root_image(root);
    let blobs = fetched(root, "versions", || {
        let _ = run(&["release", "versions"]).expect_done();
    });
    let new = root_image(root);
    assert_ne!(old, new);
    assert!(blobs.contains(&old) && !blobs.contains(&new), "{blobs:?}");
    let blobs = fetched(root, "versions", || ());
    assert!(blobs.contains(&new) && !blobs.contains(&old), "{blobs:?}");
    let _ = run(&["rollback", "versions"]).expect_done();
    let blobs = fetched(root, "versions", || ());
    assert!(blobs.contains(&old) && !blobs.contains(&new), "{blobs:?}");
    // One that nodes do not get can be proven, too.
    let blobs = fetched(root, "versions@2", || ());
    assert!(blobs.contains(&new), "{blobs:?}");
    let _ = run(&["remove", "versions", "--yes"]).expect_done();
}

#[test]
fn an_image_that_was_pulled_on_another_site_boots_there() {
    disklessset_tests::need!(
        need::root(),
        need::tool("docker-registry"),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::full()
    );
    let root = world();
    let server = Server::start(root, &Setup::Plain);
    let repository = format!("{}/images/node", server.host());
    let push = ["push", "node", &repository, "--plain-http"];
    let _ = root.disklessset(&push).limit(PATIENCE).run().expect_done();
    let other = TestRoot::with_modules(&["livenet"]);
    let pull = ["pull", &format!("{repository}:current"), "--plain-http"];
    let _ = other.disklessset(&pull).limit(PATIENCE).run().expect_done();
    let _ = other.disklessset(&["verify"]).limit(PATIENCE).run().expect_done();
    boots(&other, "node");
}
