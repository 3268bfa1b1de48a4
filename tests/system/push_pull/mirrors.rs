//! Mirrors of registries that ask for a login, and of some that fail or lie: the state before stays whole.

use super::liar::{self, Reply, Seen};
use super::lies::Origin;
use super::*;
use disklessset_oci::names::Digest;

/// What a server answers instead of the truth, if anything.
type Lie = Box<dyn Fn(&Seen) -> Option<Reply> + Send + Sync>;

/// A mirror without images of its own.
fn mirror_root() -> TestRoot {
    TestRoot::with_modules(&["livenet"])
}

/// What nodes get is what they got: the boot file, and each file that it names by digest.
#[track_caller]
fn is_whole(root: &TestRoot, boot: &str) {
    assert_eq!(boot_file(root, "web"), boot);
    let digests: Vec<&str> = boot.split("/blobs/sha256/").skip(1).map(|rest| &rest[..64]).collect();
    assert!(digests.len() >= 3, "{boot}");
    for digest in digests {
        let bytes = std::fs::read(root.oci_dir().join("blobs/sha256").join(digest)).unwrap();
        assert_eq!(Digest::of(&bytes).hex().to_string(), digest);
    }
}

#[test]
fn a_mirror_of_a_private_registry_needs_its_login_and_its_certificate() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("docker-registry"),
        need::tool("openssl")
    );
    let small = Small::new();
    let server = Server::start(&small.root, &Setup::Private);
    let repository = repository(&server, "web");
    let _ = small.create("web", &[]).run().expect_done();
    let login = |text: &str| {
        let path = small.root.beside().join("auth.json");
        let auths = serde_json::json!({"auths": {server.host().to_string(): {"auth": text}}});
        super::super::small::put(&path, auths.to_string().as_bytes(), 0o600);
        path
    };
    let (good, bad) = ("bWU6aHVudGVyMg==", "bWU6d3Jvbmc="); // me:hunter2, me:wrong
    let ca = server.certificate();
    let push = || {
        let words = ["push", "web", &repository, "--ca", ca.as_str()];
        let _ = small.root.disklessset(&words).env("REGISTRY_AUTH_FILE", login(good)).run().expect_done();
    };
    push();
    let mirror = mirror_root();
    let bring = |auth: &str, more: &[&str]| {
        let words = [&["mirror", &repository], more].concat();
        mirror.disklessset(&words).env("REGISTRY_AUTH_FILE", login(auth)).run()
    };
    let trusting = ["--ca", ca.as_str()];
    let _ = bring(good, &trusting).expect_done();
    let boot = boot_file(&mirror, "web");
    is_whole(&mirror, &boot);
    edit(&small.root, "web", "two");
    push();
    let _ = bring(good, &[]).expect_code(1);
    is_whole(&mirror, &boot);
    let _ = bring(good, &["--ca", "/nowhere"]).expect_code(1).expect_said("/nowhere");
    is_whole(&mirror, &boot);
    let refused = bring(bad, &trusting).expect_code(5).expect_said("the login for it does not do");
    assert!(!refused.stderr.contains("wrong\""), "{refused}");
    is_whole(&mirror, &boot);
    let _ = bring(good, &trusting).expect_done();
    assert_eq!(boot_file(&mirror, "web"), boot_file(&small.root, "web"));
    is_whole(&mirror, &boot_file(&small.root, "web"));
}

#[test]
fn a_mirror_of_a_registry_that_fails_or_lies_serves_what_it_served() {
    disklessset_tests::need!(need::full(), need::root());
    let origin = Origin::new();
    let tags = br#"{"name":"images/web","tags":["v1","current"]}"#;
    let server = |manifest: &[u8], lie: Lie| {
        origin.server(manifest.to_vec(), move |seen| match lie(seen) {
            None if seen.path.contains("/tags/list") => Some(Reply::new(200, &tags[..])),
            reply => reply,
        })
    };
    let mirror = mirror_root();
    let bring = |server: &liar::Server| {
        run(&mirror, &["mirror", &format!("{}/images/web", server.host()), "--plain-http"])
    };
    let _ = bring(&server(&origin.manifest, Box::new(|_| None))).expect_done();
    let boot = boot_file(&mirror, "web");
    is_whole(&mirror, &boot);

    // A newer state, of which nothing is here yet.
    edit(&origin.small.root, "web", "two");
    let shown = run(&origin.small.root, &["--format", "json", "show", "web@2"]).expect_done().json();
    let digest = shown["version"]["digest"].as_str().unwrap_or_default().replace("sha256:", "");
    let blobs = origin.small.root.oci_dir().join("blobs/sha256");
    let newer = std::fs::read(blobs.join(&digest)).unwrap();
    let text: Value = serde_json::from_slice(&newer).unwrap();
    let is_root = |layer: &&Value| layer["annotations"]["org.opencontainers.image.title"] == "squashfs.img";
    let root_image = text["layers"].as_array().unwrap().iter().find(is_root).unwrap()["digest"].clone();
    let root_image = root_image.as_str().unwrap().to_owned();
    let bytes = std::fs::read(blobs.join(root_image.replace("sha256:", ""))).unwrap();

    let parts = ["/tags/list".to_owned(), "/manifests/".to_owned(), root_image.clone()];
    for (part, status) in parts.into_iter().zip([429, 500, 429]) {
        let lie = move |seen: &Seen| seen.path.contains(&part).then(|| Reply::new(status, ""));
        let outcome = bring(&server(&newer, Box::new(lie))).expect_code(1).expect_said(&status.to_string());
        let lines = outcome.stderr.lines().filter(|line| line.starts_with("error")).count();
        assert_eq!(lines, 1, "{outcome}");
        is_whole(&mirror, &boot);
    }
    // Wrong bytes of the same length; half of it, and no more.
    let (mut wrong, name) = (bytes.clone(), root_image.clone());
    wrong[4096] ^= 1;
    let lying =
        server(&newer, Box::new(move |seen| seen.path.contains(&name).then(|| Reply::part(seen, &wrong))));
    let _ = bring(&lying).expect_code(1);
    is_whole(&mirror, &boot);
    let name = root_image.clone();
    let half = bytes.len() / 2;
    let cut = server(
        &newer,
        Box::new(move |seen| {
            let left = half.saturating_sub(seen.from());
            seen.path.contains(&name).then(|| Reply::part(seen, &bytes).cut(left))
        }),
    );
    let _ = bring(&cut).expect_code(1);
    is_whole(&mirror, &boot);
    // And the truth.
    let _ = bring(&server(&newer, Box::new(|_| None))).expect_done();
    is_whole(&mirror, &boot_file(&origin.small.root, "web").replace("web@2", "web@1"));
}
