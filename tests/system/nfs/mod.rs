//! Images whose root is on NFS: their trees, their nodes, their exports. Booting them is the boot tier's.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

pub(super) mod crash;
mod exports;
mod failpoints;
mod file_systems;
mod images;
mod legacy;
mod many_nodes;
mod moved;
mod nodes;
mod overlay;
mod overlay_crash;
mod space;
mod verify;

use camino::Utf8PathBuf;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Outcome;

use super::small::{KERNEL, kernels, make_tree, register_kernel};

/// A root with the module, a kernel and a small tree to make images from.
pub(super) struct Nfs {
    pub(super) root: TestRoot,
    pub(super) tree: Utf8PathBuf,
}

impl Nfs {
    #[track_caller]
    pub(super) fn new() -> Self {
        let root = TestRoot::with_modules(&["nfs"]);
        let tree = root.beside().join("tree");
        make_tree(&root, &tree);
        std::fs::create_dir_all(kernels(&root)).unwrap();
        register_kernel(&root, KERNEL);
        let nfs = Self { root, tree };
        // The standing directories are there before anything is compared.
        nfs.staging("warm-up");
        nfs.done(&["nfs", "create-golden", "warmer", "--from", "warm-up"]);
        nfs.done(&["remove", "warmer", "warm-up", "--yes"]);
        nfs
    }

    /// The same with a staging image `st` and a golden image `g` of it.
    #[track_caller]
    pub(super) fn with_golden() -> Self {
        let nfs = Self::new();
        nfs.staging("st");
        nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
        nfs
    }

    #[track_caller]
    pub(super) fn staging(&self, name: &str) {
        let source = format!("tree:{}", self.tree);
        self.done(&["nfs", "create-staging", name, "--kernel", KERNEL, "--source", &source]);
    }

    #[track_caller]
    pub(super) fn run(&self, args: &[&str]) -> Outcome {
        self.root.disklessset(args).run()
    }

    #[track_caller]
    pub(super) fn done(&self, args: &[&str]) {
        let _ = self.run(args).expect_done();
    }

    /// Asserts that a command is refused, and that nothing has changed.
    #[track_caller]
    pub(super) fn refused(&self, args: &[&str], code: i32, said: &str) {
        let before = Snapshot::of(&self.root);
        let _ = self.run(args).expect_code(code).expect_said(said);
        before.assert_same_as_now(&self.root);
    }

    pub(super) fn staging_tree(&self, name: &str) -> Utf8PathBuf {
        self.root.path().join("diskless/images/nfsimages/staging").join(name)
    }

    pub(super) fn golden(&self, name: &str) -> Utf8PathBuf {
        self.root.path().join("diskless/images/nfsimages/golden").join(name)
    }

    pub(super) fn node(&self, golden: &str, node: &str) -> Utf8PathBuf {
        self.golden(golden).join("nodes").join(node)
    }

    #[track_caller]
    pub(super) fn nodes(&self, golden: &str) -> Vec<String> {
        let listed = self.run(&["nfs", "nodes", "list", golden]).expect_done().stdout;
        listed.lines().map(str::to_owned).collect()
    }

    /// An attribute of an image as `show` tells it.
    #[track_caller]
    fn attribute(&self, image: &str, name: &str) -> serde_json::Value {
        let shown = self.run(&["show", image, "--format", "json"]).expect_done().json();
        shown["image"]["attributes"][name].clone()
    }

    #[track_caller]
    fn boot_file(&self, image: &str) -> String {
        std::fs::read_to_string(self.root.image_dir(image).join("boot.ipxe")).unwrap()
    }
}
