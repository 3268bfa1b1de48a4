//! Signatures of a version that goes with its OS tree: they are over the manifest that names the tree, so that another tree has none.
#![allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]

use super::super::image_signing::sign;
use super::super::nfs::Nfs;
use super::trees::{other, push_tree, staging};
use super::*;

/// What a site signs with, and the setting that says so.
const OF_SIGNING: [&str; 3] = ["site.key", "site.crt", "diskless_parameters.yml"];

#[test]
fn a_signature_covers_the_tree_and_another_tree_under_the_same_tag_is_refused() {
    disklessset_tests::need!(
        need::root(),
        need::tool("docker-registry"),
        need::tool("openssl"),
        need::tool("zstd")
    );
    let nfs = Nfs::new();
    nfs.staging("st");
    let server = Server::start(&nfs.root, &Setup::Plain);
    let repository = repository(&server, "st");
    let from = format!("{repository}:v1");
    let etc = |root: &TestRoot| root.path().join("etc/disklessset");
    let unsigned = push_tree(&nfs.root, &repository);
    assert_eq!(unsigned["signed"], false);
    sign(&nfs.root);
    let other = other();
    std::fs::create_dir_all(etc(&other)).unwrap();
    for file in OF_SIGNING {
        std::fs::copy(etc(&nfs.root).join(file), etc(&other).join(file)).unwrap();
    }
    let pull = || run(&other, &["pull", &from, "--plain-http", "--require-signature"]);
    let refused = || {
        let before = Snapshot::of(&other);
        let _ = pull().expect_code(5).expect_said("has no signature by the certificate");
        before.assert_same_as_now(&other);
        assert!(incoming(&other).is_empty() && !staging(&other).join("st").exists());
    };
    refused();

    let signed = push_tree(&nfs.root, &repository);
    assert_eq!((&signed["signed"], &signed["files_sent"]), (&true.into(), &0.into()), "{signed}");
    let _ = pull().expect_done();
    assert!(staging(&other).join("st/etc/passwd").exists());
    let _ = run(&other, &["remove", "st", "--yes"]).expect_done();

    // Somebody without the key puts another tree under that tag: the version is the same, and its signature is not of this.
    let settings = etc(&nfs.root).join("diskless_parameters.yml");
    std::fs::rename(&settings, settings.with_extension("aside")).unwrap();
    std::fs::write(nfs.staging_tree("st").join("etc/motd"), "not ours").unwrap();
    let stranger = push_tree(&nfs.root, &repository);
    assert_eq!((&stranger["signed"], &stranger["files_sent"]), (&false.into(), &1.into()), "{stranger}");
    refused();
    // Who does not require a signature gets it.
    let _ = run(&other, &["pull", &from, "--plain-http"]).expect_done();
    assert_eq!(std::fs::read_to_string(staging(&other).join("st/etc/motd")).unwrap(), "not ours");
}
