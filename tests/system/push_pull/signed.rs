//! Versions of a site that signs: the signature is found beside them, and what has none is refused where one is required.

use super::super::image_signing::sign;
use super::*;

#[test]
fn a_site_that_requires_signatures_takes_what_its_own_key_signed_and_nothing_else() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"), need::tool("openssl"));
    let small = Small::new();
    let server = Server::start(&small.root, &Setup::Plain);
    let repository = repository(&server, "web");
    let _ = small.create("web", &[]).run().expect_done();
    let unsigned = push(&small.root, "web", &repository);
    assert_eq!(unsigned["signed"], false);
    let other = other_site();
    let pull = |root: &TestRoot, tag: &str| {
        run(root, &["pull", &format!("{repository}:{tag}"), "--plain-http", "--require-signature"])
    };
    let before = Snapshot::of(&other);
    let _ = pull(&other, "v1").expect_code(5).expect_said("no certificate is configured");
    before.assert_same_as_now(&other);
    sign(&small.root);
    let etc = |root: &TestRoot| root.path().join("etc/disklessset");
    std::fs::create_dir_all(etc(&other)).unwrap();
    for file in ["site.key", "site.crt", "diskless_parameters.yml"] {
        std::fs::copy(etc(&small.root).join(file), etc(&other).join(file)).unwrap();
    }
    let before = Snapshot::of(&other);
    let _ = pull(&other, "v1").expect_code(5).expect_said("has no signature by the certificate");
    before.assert_same_as_now(&other);
    // Signed afterwards, and once only.
    for _ in 0..2 {
        let signed = push(&small.root, "web", &repository);
        assert_eq!((&signed["signed"], &signed["files_sent"]), (&true.into(), &0.into()), "{signed}");
    }
    let _ = pull(&other, "v1").expect_done();
    let _ = run(&other, &["verify", "--record"]).expect_done();
    // Another site's key.
    let stranger = other_site();
    sign(&stranger);
    let before = Snapshot::of(&stranger);
    let _ = pull(&stranger, "v1").expect_code(5).expect_said("has no signature by the certificate");
    before.assert_same_as_now(&stranger);
}
