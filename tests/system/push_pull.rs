//! Given two sites and a registry: a version goes from one to the other byte for byte, and what cannot be is refused with nothing changed.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod architectures;
mod kills;
#[path = "../../host/oci/src/registry/tests/server.rs"]
#[allow(dead_code, reason = "what tests of the client need of it is more")]
mod liar;
mod lies;
mod mirrors;
mod refused;
mod signed;
mod speed;
mod trees;
mod trees_cut;
mod trees_signed;

use camino::Utf8PathBuf;
use disklessset_oci::names::Host;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Outcome;
use disklessset_tests::stage::{served, warmed_up};
use serde_json::Value;

use super::registry::server::{Server, Setup};
use super::small::{KERNEL, Small, kernels, unpack};

/// A site that pulls: it has the module, and no kernel.
fn other_site() -> TestRoot {
    // The standing directories are there before anything is compared.
    warmed_up(&["demo", "livenet"])
}

/// A repository of a registry.
fn repository(server: &Server<'_>, name: &str) -> String {
    format!("{}/images/{name}", server.host())
}

fn run(root: &TestRoot, words: &[&str]) -> Outcome {
    root.disklessset(words).run()
}

#[track_caller]
fn push(root: &TestRoot, version: &str, to: &str) -> Value {
    let words = ["--format", "json", "push", version, to, "--plain-http"];
    run(root, &words).expect_done().json()["pushed"].clone()
}

#[track_caller]
fn pull(root: &TestRoot, from: &str, more: &[&str]) -> Value {
    let words = [&["--format", "json", "pull", from, "--plain-http"], more].concat();
    run(root, &words).expect_done().json()["pulled"].clone()
}

#[track_caller]
fn states(root: &TestRoot, name: &str) -> Vec<(u64, String)> {
    let listed = run(root, &["--format", "json", "versions", name]).expect_done().json();
    let state = |version: &Value| {
        (version["number"].as_u64().unwrap(), version["state"].as_str().unwrap().to_owned())
    };
    listed["versions"].as_array().unwrap().iter().map(state).collect()
}

fn listed(states: &[(u64, &str)]) -> Vec<(u64, String)> {
    states.iter().map(|(number, state)| (*number, (*state).to_owned())).collect()
}

#[track_caller]
fn edit(root: &TestRoot, name: &str, text: &str) {
    let script = format!("echo {text} > /etc/motd");
    let _ = run(root, &["livenet", "exec", name, "--", "/bin/sh", "-c", &script]).expect_done();
}

#[track_caller]
fn motd(root: &TestRoot, name: &str) -> String {
    let tree = unpack(root, &root.image_dir(name).join("squashfs.img"));
    std::fs::read_to_string(tree.join("etc/motd")).unwrap_or_default().trim().to_owned()
}

fn boot_file(root: &TestRoot, name: &str) -> String {
    std::fs::read_to_string(root.image_dir(name).join("boot.ipxe")).unwrap()
}

/// Files that are not whole yet.
fn incoming(root: &TestRoot) -> Vec<Utf8PathBuf> {
    let entries = root.oci_dir().join(".incoming").read_dir_utf8();
    entries.map(|all| all.map(|entry| entry.unwrap().path().to_owned()).collect()).unwrap_or_default()
}

#[test]
fn a_version_goes_to_another_site_byte_for_byte_and_comes_back_changed() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"), need::tool("skopeo"));
    let small = Small::new();
    let server = Server::start(&small.root, &Setup::Plain);
    let repository = repository(&server, "web");
    let _ = small.create("web", &[]).run().expect_done();
    let planned = run(&small.root, &["push", "web", &repository, "--plain-http", "--dry-run"]).expect_done();
    assert!(
        planned.stdout.contains("would send 4 of 4 files") && planned.stdout.contains("v1, current"),
        "{planned}"
    );
    let pushed = push(&small.root, "web", &repository);
    assert_eq!((&pushed["files_sent"], &pushed["files_there"]), (&4.into(), &0.into()), "{pushed}");
    assert_eq!(pushed["tags"], serde_json::json!(["v1", "current"]));
    // Once more, and nothing is sent.
    let again = push(&small.root, "web@1", &format!("{repository}:tested"));
    assert_eq!((&again["files_sent"], &again["bytes_sent"]), (&0.into(), &0.into()), "{again}");
    assert_eq!(again["tags"], serde_json::json!(["v1", "current", "tested"]));
    let address = format!("docker://{repository}:v1");
    let seen = small.root.tool("skopeo", &["inspect", "--raw", "--tls-verify=false", &address]).run();
    assert!(seen.expect_done().stdout.contains("vnd.disklessset.image"));

    let other = other_site();
    let before = Snapshot::of(&other);
    let planned = run(&other, &["pull", &format!("{repository}:current"), "--plain-http", "--dry-run"]);
    let planned = planned.expect_done().stdout;
    assert!(
        planned.contains("would receive 3 files") && planned.contains("would make image web"),
        "{planned}"
    );
    before.assert_same_as_now(&other);
    let pulled = pull(&other, &format!("{repository}:current"), &[]);
    assert_eq!((&pulled["version"], &pulled["state"]), (&"web@1".into(), &"current".into()), "{pulled}");
    assert_eq!(pulled["digest"], pushed["digest"]);
    for file in ["squashfs.img", "boot.ipxe", "SHA256SUMS"] {
        let read = |root: &TestRoot| std::fs::read(root.image_dir("web").join(file)).unwrap();
        assert!(read(&small.root) == read(&other), "{file}");
    }
    for file in [format!("vmlinuz-{KERNEL}"), format!("initramfs-kernel-{KERNEL}")] {
        let read = |root: &TestRoot| std::fs::read(kernels(root).join(&file)).unwrap();
        assert!(read(&small.root) == read(&other), "{file}");
    }
    let _ = run(&other, &["verify"]).expect_done();
    assert_eq!(other.status("web").as_deref(), Some("CREATED"));
    assert!(incoming(&other).is_empty());
    let attribute = |root: &TestRoot, name: &str| {
        let shown = run(root, &["--format", "json", "show", "web"]).expect_done().json();
        shown["image"]["attributes"][name].clone()
    };
    for name in ["kernel", "image", "layout", "livenet_size", "livenet_type", "is_mounted", "creation_date"] {
        assert_eq!(attribute(&small.root, name), attribute(&other, name), "{name}");
    }

    // What is changed there comes back as the next version.
    edit(&other, "web", "two");
    let _ = push(&other, "web", &repository);
    let first = served(&small.root, "web");
    let pulled = pull(&small.root, &format!("{repository}:v2"), &[]);
    assert_eq!((&pulled["version"], &pulled["files_here"]), (&"web@2".into(), &2.into()), "{pulled}");
    assert_eq!(motd(&small.root, "web"), "two");
    assert_eq!(states(&small.root, "web"), listed(&[(2, "current"), (1, "older")]));
    let _ = run(&small.root, &["verify"]).expect_done();
    let _ = run(&small.root, &["rollback", "web"]).expect_done();
    assert!(served(&small.root, "web") == first);
    // It is a version here already: it is what nodes get again.
    let plain = format!("--plain-http={}", server.host());
    let pulled = pull(&small.root, &format!("{repository}:current"), &[&plain]);
    assert_eq!((&pulled["version"], &pulled["was_here"]), (&"web@2".into(), &true.into()), "{pulled}");
    assert_eq!(states(&small.root, "web"), listed(&[(2, "current"), (1, "older")]));
    drop(server);
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn a_version_that_is_pulled_with_hold_waits_for_its_release() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let server = Server::start(&small.root, &Setup::Plain);
    let repository = repository(&server, "web");
    let _ = small.create("web", &[]).run().expect_done();
    let _ = push(&small.root, "web", &repository);
    let other = other_site();
    // By its digest, and under another name.
    let digest = push(&small.root, "web", &repository)["digest"].as_str().unwrap().to_owned();
    let pulled = pull(&other, &format!("{repository}@{digest}"), &["node"]);
    assert_eq!(pulled["version"], "node@1");
    edit(&small.root, "web", "two");
    let _ = push(&small.root, "web", &repository);
    let boot = boot_file(&other, "node");
    let pulled = pull(&other, &format!("{repository}:current"), &["node", "--hold"]);
    assert_eq!((&pulled["version"], &pulled["state"]), (&"node@2".into(), &"held".into()));
    assert_eq!(boot_file(&other, "node"), boot);
    assert_eq!(states(&other, "node"), listed(&[(2, "held"), (1, "current")]));
    // Nothing more comes of pulling it once more, and without --hold it is released.
    assert_eq!(pull(&other, &format!("{repository}:v2"), &["node", "--hold"])["state"], "held");
    assert_eq!(pull(&other, &format!("{repository}:v2"), &["node"])["state"], "current");
    assert_eq!(motd(&other, "node"), "two");
    let _ = run(&other, &["verify"]).expect_done();
}

#[test]
fn a_damaged_blob_is_mended_by_pulling_its_version_again() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("docker-registry"));
    use std::os::unix::fs::FileExt;
    let small = Small::new();
    let server = Server::start(&small.root, &Setup::Plain);
    let repository = repository(&server, "web");
    let _ = small.create("web", &[]).run().expect_done();
    let _ = push(&small.root, "web", &repository);
    edit(&small.root, "web", "two");
    let digest = boot_file(&small.root, "web");
    let digest = digest.split_once("root=live:").unwrap().1.split_whitespace().next().unwrap();
    let digest = digest.rsplit('/').next().unwrap().to_owned();
    let _ = push(&small.root, "web", &repository);
    let _ = run(&small.root, &["release", "web@1"]).expect_done();
    let blob = small.root.oci_dir().join("blobs/sha256").join(&digest);
    let file = std::fs::File::options().write(true).open(&blob).unwrap();
    file.write_all_at(b"broken", 4096).unwrap();
    drop(file);
    let _ = run(&small.root, &["verify"]).expect_code(1);
    let _ = run(&small.root, &["push", "web@2", &repository, "--plain-http"])
        .expect_code(1)
        .expect_said("damaged");
    let pulled = pull(&small.root, &format!("{repository}:v2"), &[]);
    assert_eq!((&pulled["version"], &pulled["files_received"]), (&"web@2".into(), &1.into()), "{pulled}");
    let _ = run(&small.root, &["verify"]).expect_done();
    assert_eq!(motd(&small.root, "web"), "two");
}

#[test]
fn a_pull_goes_on_where_it_was_after_a_kill() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let server = Server::start(&small.root, &Setup::Plain);
    let repository = repository(&server, "web");
    let noise = small.tree.join("srv/noise");
    let mut bytes = vec![0; 96 << 20];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    super::small::put(&noise, &bytes, 0o644);
    let _ = small.create("web", &[]).run().expect_done();
    let _ = push(&small.root, "web", &repository);
    let other = other_site();
    let from = format!("{repository}:current");
    let large = |root: &TestRoot| {
        incoming(root).into_iter().filter_map(|path| path.metadata().ok()).map(|found| found.len()).max()
    };
    let pulling = other.disklessset(&["pull", &from, "--plain-http"]).start();
    let (pulling, ()) = pulling.wait_until(|| large(&other).filter(|size| *size > 4 << 20).map(drop));
    let _ = pulling.kill_nine();
    assert!(!other.image_dir("web").exists());
    let _ = run(&other, &["clean", "--yes"]).expect_done();
    let there = large(&other).unwrap();
    let pulled = pull(&other, &from, &[]);
    let size = other.image_dir("web").join("squashfs.img").metadata().unwrap().len();
    let received = pulled["bytes_received"].as_u64().unwrap();
    assert!(received < size && there > 4 << 20, "{received} of {size} came once more, {there} were there");
    assert!(incoming(&other).is_empty());
    let _ = run(&other, &["verify"]).expect_done();
}
