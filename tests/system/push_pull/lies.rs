//! Registries that lie, fail and end early, seen through the commands: one line, and nothing left.

use super::liar::{self as server, Reply, Seen};
use super::*;

/// A version of a small site, given by a server that a test can have lie.
pub(super) struct Origin {
    pub(super) small: Small,
    pub(super) manifest: Vec<u8>,
}

impl Origin {
    pub(super) fn new() -> Self {
        let small = Small::new();
        let _ = small.create("web", &[]).run().expect_done();
        let shown = run(&small.root, &["--format", "json", "versions", "web"]).expect_done().json();
        let digest = shown["versions"][0]["digest"].as_str().unwrap().replace("sha256:", "");
        let manifest = std::fs::read(small.root.oci_dir().join("blobs/sha256").join(digest)).unwrap();
        Self { small, manifest }
    }

    pub(super) fn with(&self, from: &str, to: &str) -> Vec<u8> {
        let text = String::from_utf8(self.manifest.clone()).unwrap();
        assert!(text.contains(from), "{from}: {text}");
        text.replace(from, to).into_bytes()
    }

    /// The digits of the digest of a file.
    pub(super) fn digits(&self, title: &str) -> String {
        let manifest: Value = serde_json::from_slice(&self.manifest).unwrap();
        let layers = manifest["layers"].as_array().unwrap().clone();
        let is = |layer: &&Value| layer["annotations"]["org.opencontainers.image.title"] == title;
        let digest = layers.iter().find(is).unwrap()["digest"].as_str().unwrap().to_owned();
        digest.replace("sha256:", "")
    }

    /// A server with this manifest, and `lie` in place of what is right.
    pub(super) fn server(
        &self,
        manifest: Vec<u8>,
        lie: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
    ) -> server::Server {
        let blobs = self.small.root.oci_dir().join("blobs/sha256");
        server::Server::start(move |seen| {
            if let Some(reply) = lie(seen) {
                return reply;
            }
            if seen.path.contains("/manifests/") {
                let kind = "application/vnd.oci.image.manifest.v1+json";
                return Reply::new(200, manifest.clone()).with("Content-Type", kind);
            }
            let digest = seen.path.rsplit_once("sha256:").map(|(_, digest)| digest).unwrap_or_default();
            match std::fs::read(blobs.join(digest)) {
                Ok(bytes) => Reply::part(seen, &bytes),
                Err(_) => Reply::new(404, ""),
            }
        })
    }
}

#[track_caller]
pub(super) fn pull_from(root: &TestRoot, server: &server::Server) -> Outcome {
    run(root, &["pull", &format!("{}/images/web:v1", server.host()), "--plain-http"])
}

#[track_caller]
fn told(root: &TestRoot, server: &server::Server, wanted: &str) {
    let before = Snapshot::of(root);
    let outcome = pull_from(root, server);
    assert!(!outcome.status.success(), "{wanted}: {outcome}");
    let error = outcome.stderr.lines().find(|line| line.contains("error")).unwrap_or_default();
    assert!(outcome.stderr.contains(wanted) && error.len() < 1000, "{wanted}: {outcome}");
    before.assert_same_as_now(root);
    assert!(incoming(root).is_empty(), "{wanted}: {outcome}");
}

#[test]
fn lies_of_a_registry_are_told_in_one_line_and_nothing_is_left() {
    disklessset_tests::need!(need::root());
    let origin = Origin::new();
    let other = other_site();
    let honest = || origin.manifest.clone();
    let root_image = origin.digits("squashfs.img");
    let bytes = std::fs::read(origin.small.root.oci_dir().join("blobs/sha256").join(&root_image)).unwrap();
    let is = move |seen: &Seen, digest: &str| seen.path.ends_with(digest);

    let (digest, mut wrong) = (root_image.clone(), bytes.clone());
    wrong[4096] ^= 1;
    told(
        &other,
        &origin.server(honest(), move |seen| is(seen, &digest).then(|| Reply::new(200, wrong.clone()))),
        "wrong answer",
    );
    let digest = root_image.clone();
    told(
        &other,
        &origin.server(honest(), move |seen| is(seen, &digest).then(|| Reply::new(200, "short"))),
        "5 bytes",
    );
    let digest = root_image.clone();
    told(&other, &origin.server(honest(), move |seen| is(seen, &digest).then(|| Reply::new(404, ""))), "404");
    // Manifests.
    told(&other, &origin.server(vec![b' '; 5 << 20], |_| None), "4 MiB");
    let huge = |seen: &Seen| {
        seen.path.contains("manifests").then(|| Reply::new(200, "x").with("Content-Length", "104857600"))
    };
    told(&other, &origin.server(honest(), huge), "4 MiB");
    told(&other, &origin.server(origin.with("squashfs.img", "../squashfs.img"), |_| None), "slash");
    told(
        &other,
        &origin.server(origin.with("squashfs.img", "image_data.yml"), |_| None),
        "no file of one is named",
    );
    told(&other, &origin.server(origin.with("#!ipxe", "#!/bin/sh"), |_| None), "boot file");
    told(&other, &origin.server(b"{}".to_vec(), |_| None), "no OCI manifest");
    let size = format!("\"size\":{}", bytes.len());
    told(
        &other,
        &origin.server(origin.with(&size, "\"size\":1152921504606846976"), |_| None),
        "there is room for",
    );
    told(&other, &origin.server(origin.with(&size, "\"size\":7"), |_| None), "wrong answer");
    // And the truth.
    let _ = pull_from(&other, &origin.server(honest(), |_| None)).expect_done();
    let _ = run(&other, &["verify"]).expect_done();
}

#[test]
fn a_registry_that_is_overloaded_or_ends_early_is_asked_again_and_then_told() {
    disklessset_tests::need!(need::full(), need::root());
    let origin = Origin::new();
    let other = other_site();
    let root_image = origin.digits("squashfs.img");
    for status in [429, 500] {
        let server = origin.server(origin.manifest.clone(), move |_| Some(Reply::new(status, "")));
        told(&other, &server, &status.to_string());
    }
    // Half of it each time: what came stays for the next time, and it is whole in the end.
    let digest = root_image.clone();
    let blobs = origin.small.root.oci_dir().join("blobs/sha256");
    let half = move |seen: &Seen| {
        let bytes = std::fs::read(blobs.join(&digest)).unwrap();
        let left = bytes.len() - seen.from().min(bytes.len());
        (seen.path.ends_with(&digest)).then(|| Reply::part(seen, &bytes).cut(left.min(bytes.len() / 3)))
    };
    let _ = pull_from(&other, &origin.server(origin.manifest.clone(), half)).expect_done();
    let _ = run(&other, &["verify"]).expect_done();
    assert!(incoming(&other).is_empty());
}
