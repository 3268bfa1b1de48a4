//! The OS tree of an NFS image over a connection that is cut, and from a registry that lies about it: what came stays, and no tree is made of
//! what is not the one that the manifest names.

use super::super::nfs::Nfs;
use super::liar::{self as server, Reply, Seen};
use super::trees::{other, push_tree, staging};
use super::*;
use std::sync::{Arc, Mutex};

/// Bytes in the tree that nobody can compress.
const NOISE: usize = 24 << 20;

/// A staging image whose tree is worth going on with.
fn with_noise() -> Nfs {
    let nfs = Nfs::new();
    let mut bytes = vec![0; NOISE];
    fastrand::Rng::with_seed(11).fill(&mut bytes);
    super::super::small::put(&nfs.tree.join("srv/noise"), &bytes, 0o644);
    nfs.staging("st");
    nfs
}

/// What a registry has of an image with its tree, as a layout beside the root.
struct Copied {
    blobs: Utf8PathBuf,
    manifest: Vec<u8>,
    /// The digits of the tree's digest.
    tree: String,
}

impl Copied {
    #[track_caller]
    fn of(root: &TestRoot, repository: &str) -> Self {
        let layout = root.beside().join("copied");
        let (from, to) = (format!("docker://{repository}:v1"), format!("oci:{layout}:v1"));
        let _ = root.tool("skopeo", &["copy", "--src-tls-verify=false", &from, &to]).run().expect_done();
        let blobs = layout.join("blobs/sha256");
        let index: Value =
            serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
        let digits = |value: &Value| value["digest"].as_str().unwrap().replace("sha256:", "");
        let manifest = std::fs::read(blobs.join(digits(&index["manifests"][0]))).unwrap();
        let read: Value = serde_json::from_slice(&manifest).unwrap();
        let layers = read["layers"].as_array().unwrap().clone();
        let is_tree = |layer: &&Value| layer["size"].as_u64().unwrap() > NOISE as u64;
        let tree = digits(layers.iter().find(is_tree).unwrap());
        Self { blobs, manifest, tree }
    }

    /// A registry that has it, and gives the tree in a way of its own.
    fn served(&self, tree: impl Fn(&Seen, &[u8]) -> Reply + Send + Sync + 'static) -> server::Server {
        let (blobs, manifest, digits) = (self.blobs.clone(), self.manifest.clone(), self.tree.clone());
        server::Server::start(move |seen| {
            if seen.path.contains("/manifests/") {
                let kind = "application/vnd.oci.image.manifest.v1+json";
                return Reply::new(200, manifest.clone()).with("Content-Type", kind);
            }
            let digest = seen.path.rsplit_once("sha256:").map(|(_, digest)| digest).unwrap_or_default();
            match std::fs::read(blobs.join(digest)) {
                Ok(bytes) if digest == digits => tree(seen, &bytes),
                Ok(bytes) => Reply::part(seen, &bytes),
                Err(_) => Reply::new(404, ""),
            }
        })
    }
}

#[track_caller]
fn pull_at(root: &TestRoot, server: &server::Server) -> Outcome {
    run(root, &["pull", &format!("{}/images/st:v1", server.host()), "--plain-http"])
}

#[track_caller]
fn same_noise(nfs: &Nfs, root: &TestRoot) {
    let read = |path: Utf8PathBuf| std::fs::read(path).unwrap();
    assert!(read(nfs.tree.join("srv/noise")) == read(staging(root).join("st/srv/noise")));
    assert!(incoming(root).is_empty());
    let _ = run(root, &["verify"]).expect_done();
}

#[test]
fn a_tree_goes_on_where_it_was_after_a_cut_and_lies_about_it_leave_nothing() {
    disklessset_tests::need!(
        need::root(),
        need::tool("docker-registry"),
        need::tool("skopeo"),
        need::tool("zstd")
    );
    let nfs = with_noise();
    let registry = Server::start(&nfs.root, &Setup::Plain);
    let repository = repository(&registry, "st");
    let _ = push_tree(&nfs.root, &repository);
    let copied = Copied::of(&nfs.root, &repository);
    drop(registry);
    let other = other();

    // Of the right length, and one bit is wrong.
    let before = Snapshot::of(&other);
    let lying = copied.served(|seen, bytes| {
        let mut wrong = bytes.to_vec();
        wrong[4096] ^= 1;
        Reply::part(seen, &wrong)
    });
    let lied = pull_at(&other, &lying).expect_code(1);
    assert_eq!(lied.stderr.lines().filter(|line| line.contains("error")).count(), 1, "{lied}");
    before.assert_same_as_now(&other);
    assert!(!staging(&other).join("st").exists() && incoming(&other).is_empty());

    // A third each time, and the connection ends: nothing comes twice.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    let cutting = copied.served(move |seen, bytes| {
        let left = bytes.len() - seen.from();
        noted.lock().unwrap().push((seen.from(), left.min(bytes.len() / 3)));
        Reply::part(seen, bytes).cut(left.min(bytes.len() / 3))
    });
    let _ = pull_at(&other, &cutting).expect_done();
    let asked = asked.lock().unwrap().clone();
    assert!(asked.len() >= 3, "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[1].0 == pair[0].0 + pair[0].1), "{asked:?}");
    same_noise(&nfs, &other);
}

#[test]
fn a_pull_of_a_tree_goes_on_where_it_was_after_a_kill() {
    disklessset_tests::need!(
        need::root(),
        need::tool("docker-registry"),
        need::tool("skopeo"),
        need::tool("zstd")
    );
    let nfs = with_noise();
    let registry = Server::start(&nfs.root, &Setup::Plain);
    let repository = repository(&registry, "st");
    let _ = push_tree(&nfs.root, &repository);
    let copied = Copied::of(&nfs.root, &repository);
    drop(registry);
    let other = other();
    // A third of it comes, and then nothing: there the program is killed.
    let (third, silent) =
        (NOISE / 3, copied.served(move |seen, bytes| Reply::part(seen, bytes).silent(NOISE / 3)));
    let from = format!("{}/images/st:v1", silent.host());
    let pulling = other.disklessset(&["pull", &from, "--plain-http"]).start();
    let largest = || incoming(&other).iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).max();
    let (pulling, ()) =
        pulling.wait_until(|| largest().filter(|size| *size >= third as u64 - (1 << 20)).map(drop));
    let _ = pulling.kill_nine();
    drop(silent);
    assert!(!staging(&other).join("st").exists());
    let _ = run(&other, &["clean", "--yes"]).expect_done();
    let there = largest().unwrap();
    assert!(there >= third as u64 - (1 << 20), "the cleaning took what came: {there}");

    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    let whole = copied.served(move |seen, bytes| {
        assert_eq!(seen.method, "GET");
        noted.lock().unwrap().push(seen.from() as u64);
        Reply::part(seen, bytes)
    });
    let _ = pull_at(&other, &whole).expect_done();
    assert_eq!(*asked.lock().unwrap(), [there], "what came is not fetched once more");
    same_noise(&nfs, &other);
}
