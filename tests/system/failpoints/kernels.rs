//! Kernels: pairs of files with their modules.

use disklessset_tests::root::TestRoot;

use super::super::kill_points::{Case, Does, REMOVE_KERNEL};
use super::super::small::{kernels, put};
use super::{COMMITTED, Operation, operations};

const VERSION: &str = "6.1.0-new";

/// Files as a kernel and its modules have them, as far as adding looks at them.
fn files_of_a_kernel(root: &TestRoot) {
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let tree = root.beside().join("tree");
    put(&tree.join("boot").join(format!("vmlinuz-{VERSION}")), b"kernel", 0o644);
    put(&tree.join("usr/lib/modules").join(VERSION).join("modules.dep"), b"", 0o644);
    put(&tree.join("usr/lib/modules").join(VERSION).join("kernel/fs/squashfs.ko"), b"driver", 0o644);
    std::fs::create_dir_all(kernels(root)).unwrap();
}

fn a_kernel_with_modules(root: &TestRoot) {
    files_of_a_kernel(root);
    let _ = root.disklessset(ADD.command).run().expect_done();
    put(&kernels(root).join(format!("initramfs-kernel-{VERSION}")), b"initramfs", 0o644);
}

const fn change(command: &'static [&'static str], prepare: fn(&TestRoot)) -> Case {
    Case { modules: &[], command, image: "a", does: Does::Other, prepare }
}
const ADD: Case = change(
    &["kernel", "add", "--vmlinuz", "tree/boot/vmlinuz-6.1.0-new", "--modules", "tree"],
    files_of_a_kernel,
);
const ADD_FROM_TREE: Case = change(&["kernel", "add", "--from-tree", "tree"], files_of_a_kernel);
const REMOVE: Case = change(&["kernel", "remove", VERSION, "--yes"], a_kernel_with_modules);

operations! {
    a_kernel_added: Operation::new("kernel add", &ADD, COMMITTED);
    a_kernel_added_from_a_tree: Operation::new("kernel add --from-tree", &ADD_FROM_TREE, COMMITTED);
    a_kernel_removed: Operation::new("kernel remove", &REMOVE_KERNEL, COMMITTED);
    a_kernel_removed_with_its_modules: Operation::new("kernel remove, with modules", &REMOVE, COMMITTED);
}
