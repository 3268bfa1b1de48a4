//! A small OS tree of the server's own shell, and a registered kernel to boot it with: an image of it takes a second.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Outcome, Program};

/// The registered kernel.
pub(crate) const KERNEL: &str = "6.1.0-small";

/// Writes a file with a mode, its directories made.
#[track_caller]
pub(crate) fn put(path: &Utf8Path, text: &[u8], mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A root with the module, the kernel and the tree.
pub(crate) struct Small {
    pub(crate) root: TestRoot,
    pub(crate) tree: Utf8PathBuf,
}

impl Small {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let root = TestRoot::with_modules(&["livenet"]);
        let tree = root.beside().join("small tree");
        make_tree(&root, &tree);
        let kernels = kernels(&root);
        std::fs::create_dir_all(&kernels).unwrap();
        register_kernel(&root, KERNEL);
        // The standing directories are there before anything is compared.
        let small = Self { root, tree };
        let _ = small.create("warm-up", &[]).run().expect_done();
        let _ = small.run(&["remove", "warm-up", "--yes"]).expect_done();
        small
    }

    /// A creation from the small tree.
    pub(crate) fn create(&self, name: &str, more: &[&str]) -> Program {
        let source = format!("tree:{}", self.tree);
        self.create_from(name, &source, more)
    }

    /// A creation from any source.
    pub(super) fn create_from(&self, name: &str, source: &str, more: &[&str]) -> Program {
        let args = ["livenet", "create", name, "--kernel", KERNEL, "--source", source];
        self.root.disklessset(&[&args[..], more].concat())
    }

    /// Runs a command to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.root.disklessset(args).run()
    }

    /// Creates an image and mounts it; the tree to edit.
    #[track_caller]
    pub(super) fn mounted(&self, name: &str, more: &[&str]) -> Utf8PathBuf {
        let _ = self.create(name, more).run().expect_done();
        let _ = self.run(&["livenet", "mount", name]).expect_done();
        self.mnt(name)
    }

    /// Where an image is edited.
    pub(crate) fn mnt(&self, name: &str) -> Utf8PathBuf {
        self.root.path().join("var/tmp/diskless/workdir").join(name).join("mnt")
    }

    pub(super) fn squashfs(&self, name: &str) -> Utf8PathBuf {
        self.root.image_dir(name).join("squashfs.img")
    }

    /// The tree in an image, unpacked beside the root.
    #[track_caller]
    pub(super) fn unpacked(&self, name: &str) -> Utf8PathBuf {
        unpack(&self.root, &self.squashfs(name))
    }

    /// The record of an image as it lies on disk.
    #[track_caller]
    pub(super) fn record(&self, name: &str) -> String {
        std::fs::read_to_string(self.root.image_dir(name).join("image_data.yml")).unwrap()
    }

    /// Asserts that a command is refused, and that nothing has changed.
    #[track_caller]
    pub(super) fn refused(&self, args: &[&str], code: i32, said: &str) {
        let before = Snapshot::of(&self.root);
        let _ = self.run(args).expect_code(code).expect_said(said);
        before.assert_same_as_now(&self.root);
    }
}

/// Where kernels lie.
pub(crate) fn kernels(root: &TestRoot) -> Utf8PathBuf {
    root.path().join("var/www/html/preboot_execution_environment/diskless/kernels")
}

/// Puts a pair there as 1.x would have left it; its initramfs can boot images of all classes.
pub(crate) fn register_kernel(root: &TestRoot, version: &str) {
    register_kernel_with(root, version, &[]);
}

/// The same with drivers in its initramfs.
pub(super) fn register_kernel_with(root: &TestRoot, version: &str, drivers: &[&str]) {
    put(&kernels(root).join(format!("vmlinuz-{version}")), b"kernel", 0o644);
    put(&kernels(root).join(format!("initramfs-kernel-{version}")), &initramfs(version, drivers), 0o644);
}

/// Unpacks a flat image or a classic one.
#[track_caller]
pub(super) fn unpack(root: &TestRoot, image: &Utf8Path) -> Utf8PathBuf {
    let dir = tempfile::tempdir_in(root.beside()).unwrap().keep();
    let dir = Utf8PathBuf::from_path_buf(dir).unwrap();
    let out = dir.join("out");
    let _ = root.tool("unsquashfs", &["-q", "-n", "-d", out.as_str(), image.as_str()]).run().expect_done();
    let inner = out.join("LiveOS/rootfs.img");
    if !inner.exists() {
        return out;
    }
    let tree = dir.join("tree");
    std::fs::create_dir(&tree).unwrap();
    let dump = format!("rdump / {tree}");
    let _ = root.tool("debugfs", &["-R", &dump, inner.as_str()]).run().expect_done();
    tree
}

/// Makes a tree of the server's own shell.
pub(super) fn make_tree(root: &TestRoot, tree: &Utf8Path) {
    for dir in ["boot", "dev", "etc", "proc", "root", "run", "srv", "sys", "tmp", "usr/bin", "var/log"] {
        std::fs::create_dir_all(tree.join(dir)).unwrap();
    }
    symlink("usr/bin", tree.join("bin")).unwrap();
    put(&tree.join("etc/passwd"), b"root:x:0:0:root:/root:/bin/sh\n", 0o644);
    put(&tree.join("etc/shadow"), b"root:!locked:19000:0:99999:7:::\n", 0o640);
    put(&tree.join("etc/resolv.conf"), b"", 0o644);
    put(&tree.join("etc/machine-id"), b"0123\n", 0o444);
    put(&tree.join("etc/gone"), b"to be removed", 0o644);
    put(&tree.join("usr/lib/modules").join(KERNEL).join("modules.dep"), b"", 0o644);
    for (file, name) in [("/bin/sh", "sh"), ("/bin/sleep", "sleep")] {
        std::fs::copy(file, tree.join("usr/bin").join(name)).unwrap();
        let libraries = root.tool("ldd", &[file]).run().expect_done().stdout;
        for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            let target = tree.join(library.trim_start_matches('/'));
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(library, target).unwrap();
        }
    }
}

/// An uncompressed archive with nothing but drivers and dracut's list of parts.
fn initramfs(version: &str, drivers: &[&str]) -> Vec<u8> {
    let names: Vec<String> =
        drivers.iter().map(|driver| format!("usr/lib/modules/{version}/kernel/{driver}.ko")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"driver"[..])).collect();
    files.push(("usr/lib/dracut/modules.txt", b"base\ndmsquash-live\nlivenet\nnfs\noverlayfs\n"));
    super::cpio::cpio(&files)
}
