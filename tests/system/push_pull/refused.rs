//! What cannot be pushed or pulled: one line, and nothing changed.

use super::*;
use disklessset_tests::run::Program;

/// A login of the private registry, in a file as podman has it.
fn login(root: &TestRoot, server: &Server<'_>, text: &str) -> Utf8PathBuf {
    let path = root.beside().join("auth.json");
    let auths = serde_json::json!({"auths": {server.host().to_string(): {"auth": text}}});
    super::super::small::put(&path, auths.to_string().as_bytes(), 0o600);
    path
}

#[track_caller]
fn refused(root: &TestRoot, program: Program, code: i32, said: &str) {
    let before = Snapshot::of(root);
    let outcome = program.run().expect_code(code).expect_said(said);
    let lines = outcome.stderr.lines().filter(|line| !line.starts_with("hint: ")).count();
    assert!(lines <= 2 && !outcome.stderr.contains("hunter2"), "{outcome}");
    before.assert_same_as_now(root);
    assert!(incoming(root).is_empty(), "{outcome}");
}

#[test]
fn a_number_that_is_another_version_there_is_never_replaced() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let server = Server::start(&small.root, &Setup::Plain);
    let repository = repository(&server, "web");
    let _ = small.create("web", &[]).run().expect_done();
    let first = push(&small.root, "web", &repository);
    let _ = run(&small.root, &["remove", "web", "--yes"]).expect_done();
    let _ = small.create("web", &["--layout", "classic"]).run().expect_done();
    for more in [&[][..], &["--dry-run"]] {
        let words = [&["push", "web", &repository, "--plain-http"], more].concat();
        let said = format!("is another version: {}", first["digest"].as_str().unwrap());
        refused(&small.root, small.root.disklessset(&words), 5, &said);
    }
    let other = other_site();
    assert_eq!(pull(&other, &format!("{repository}:v1"), &[])["digest"], first["digest"]);
    // Tags that have meanings.
    edit(&small.root, "web", "two");
    for (version, tag, said) in [
        ("web@1", "current", "is not current"),
        ("web@2", "v1", "tag of another version"),
        ("web@2", "v7", "tag of another version"),
    ] {
        let to = format!("{repository}:{tag}");
        refused(&small.root, small.root.disklessset(&["push", version, &to, "--plain-http"]), 5, said);
    }
}

#[test]
fn what_is_no_version_of_ours_is_told_by_what_it_is() {
    disklessset_tests::need!(
        need::root(),
        need::tool("docker-registry"),
        need::tool("skopeo"),
        need::tool("umoci")
    );
    let small = Small::new();
    let root = &small.root;
    let server = Server::start(root, &Setup::Plain);
    let repository = repository(&server, "os");
    let layout = root.beside().join("os");
    let _ = root.tool("umoci", &["init", "--layout", layout.as_str()]).run().expect_done();
    let _ = root.tool("umoci", &["new", "--image", &format!("{layout}:a")]).run().expect_done();
    let (from, to) = (format!("oci:{layout}:a"), format!("docker://{repository}:a"));
    let _ = root.tool("skopeo", &["copy", "--dest-tls-verify=false", &from, &to]).run().expect_done();
    let pull =
        |from: &str, more: &[&str]| root.disklessset(&[&["pull", from, "--plain-http"], more].concat());
    let address = format!("{repository}:a");
    for more in [&[][..], &["--dry-run"]] {
        refused(root, pull(&address, more), 5, "is an image of containers, not a version");
        let hint = format!("--source registry:{address}");
        let _ = pull(&address, more).run().expect_code(5).expect_said(&hint);
    }
    refused(root, pull(&format!("{repository}:nothing"), &[]), 3, "there is no ");
    refused(root, pull(&repository, &[]), 2, "takes a tag or a digest");
    refused(root, pull("https://h/a:b", &[]), 2, "without http:// and https://");
    let named = format!("{repository}@sha256:{}", "0".repeat(64));
    refused(root, root.disklessset(&["push", "web", &named, "--plain-http"]), 2, "names a digest");
    refused(root, root.disklessset(&["push", "nowhere", &repository, "--plain-http"]), 3, "nowhere");
    refused(
        root,
        root.disklessset(&["pull", "192.0.2.1/a:b", "--plain-http"]),
        5,
        "plain HTTP is for this machine",
    );
}

#[test]
fn a_class_without_a_module_and_an_image_of_another_class_are_refused() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let server = Server::start(&small.root, &Setup::Plain);
    let repository = repository(&server, "web");
    let _ = small.create("web", &[]).run().expect_done();
    let _ = push(&small.root, "web", &repository);
    let other = disklessset_tests::stage::warmed_up(&["demo"]);
    let from = format!("{repository}:v1");
    let pull = |name: &str, more: &[&str]| {
        other.disklessset(&[&["pull", &from, name, "--plain-http"], more].concat())
    };
    for more in [&[][..], &["--dry-run"]] {
        refused(&other, pull("web", more), 5, "no module here has that class");
    }
    let _ = other.drop_in("livenet");
    let _ = run(&other, &["demo", "create", "a"]).expect_done();
    for more in [&[][..], &["--dry-run"]] {
        refused(&other, pull("a", more), 5, "image a is a DemoImage");
    }
}

#[test]
fn a_private_registry_lets_in_who_has_a_login_and_trusts_its_certificate() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"), need::tool("openssl"));
    let small = Small::new();
    let root = &small.root;
    let server = Server::start(root, &Setup::Private);
    let repository = repository(&server, "web");
    let _ = small.create("web", &[]).run().expect_done();
    let (good, bad) = ("bWU6aHVudGVyMg==", "bWU6d3Jvbmc="); // me:hunter2, me:wrong
    let ca = server.certificate();
    let push = |auth: &str, more: &[&str]| {
        let file = login(root, &server, auth);
        let words = [&["push", "web", &repository], more].concat();
        root.disklessset(&words).env("REGISTRY_AUTH_FILE", file)
    };
    let trusting = ["--ca", ca.as_str()];
    refused(root, push(good, &["--ca", "/nowhere"]), 1, "/nowhere");
    refused(root, push(bad, &trusting), 5, "the login for it does not do");
    let nobody = root.disklessset(&["push", "web", &repository, "--ca", ca.as_str()]);
    refused(root, nobody, 5, "there is no login for it");
    let _ = push(good, &trusting).run().expect_done();
    let other = other_site();
    let from = format!("{repository}:current");
    let file = login(root, &server, good);
    let pull = other.disklessset(&["pull", &from, "--ca", ca.as_str()]).env("REGISTRY_AUTH_FILE", file);
    let _ = pull.run().expect_done();
    let _ = run(&other, &["verify"]).expect_done();
}
