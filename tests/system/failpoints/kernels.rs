//! Kernels: pairs of files with their modules.

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::super::kill_points::{Case, Does, REMOVE_KERNEL};
use super::super::small::{kernels, put};
use super::{COMMITTED, Operation, Turn, kill_at, operations, sampled};

const VERSION: &str = "6.1.0-new";

/// What dracut wants of modules beside drivers: the indexes.
const INDEXES: [&str; 7] = ["dep", "order", "builtin", "alias", "symbols", "softdep", "devname"];

/// Files as a kernel and its modules have them, as far as adding looks at them.
fn files_of_a_kernel(root: &TestRoot) {
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let tree = root.beside().join("tree");
    put(&tree.join("boot").join(format!("vmlinuz-{VERSION}")), b"kernel", 0o644);
    for index in INDEXES {
        put(&tree.join("usr/lib/modules").join(VERSION).join(format!("modules.{index}")), b"", 0o644);
    }
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

const INITRAMFS: Case = change(&["kernel", "initramfs", VERSION], a_kernel_with_modules);
const FIRST_INITRAMFS: Case = change(INITRAMFS.command, |root| {
    files_of_a_kernel(root);
    let _ = root.disklessset(ADD.command).run().expect_done();
});

const fn making(name: &'static str, case: &'static Case, turn: Turn) -> Operation {
    Operation {
        remade: &["initramfs-kernel-6.1.0-new", "SHA256SUMS-6.1.0-new"],
        ..Operation::new(name, case, turn)
    }
}

/// dracut works for seconds, and does so again whenever the command is repeated: some of the steps, each time others than those of
/// the other operations, and all that lie around its work.
fn some(name: &str, steps: usize, turn: usize) -> Vec<usize> {
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    sampled(name, steps, turn, if full { 16 } else { 1 })
}

#[test]
fn an_initramfs_in_place_of_an_older_one() {
    need!(need::full(), need::root(), need::tool("dracut"));
    let operation = making("kernel initramfs", &INITRAMFS, COMMITTED);
    kill_at(&operation, |steps, turn| some(operation.name, steps, turn));
}

#[test]
fn the_first_initramfs_of_a_kernel() {
    need!(need::root(), need::tool("dracut"), need::full());
    let operation = making("kernel initramfs, the first", &FIRST_INITRAMFS, COMMITTED);
    kill_at(&operation, |steps, turn| some(operation.name, steps, turn));
}

operations! {
    a_kernel_added: Operation::new("kernel add", &ADD, COMMITTED);
    a_kernel_added_from_a_tree: Operation::new("kernel add --from-tree", &ADD_FROM_TREE, COMMITTED);
    a_kernel_removed: Operation::new("kernel remove", &REMOVE_KERNEL, COMMITTED);
    a_kernel_removed_with_its_modules: Operation::new("kernel remove, with modules", &REMOVE, COMMITTED);
}
