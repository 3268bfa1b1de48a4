//! Kernels: pairs of files with their modules.

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Program;

use super::super::apt_tree::shared;
use super::super::kill_points::{Case, Does, REMOVE_KERNEL};
use super::super::small::{kernels, put};
use super::{COMMITTED, Operation, Turn, operations};

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

/// The kernel of the shared tree, added with its modules, to make its initramfs with the server's dracut.
#[test]
fn an_initramfs_is_made() {
    need!(need::full(), need::root(), need::tool("dracut"));
    let modules = shared().tree().join("usr/lib/modules");
    let version = super::names_in(modules.as_std_path()).pop().unwrap();
    let words = |words: Vec<String>| -> &'static [&'static str] {
        let words = words.into_iter().map(|word| &*Box::leak(word.into_boxed_str()));
        Box::leak(words.collect::<Vec<_>>().into_boxed_slice())
    };
    let command = words(["kernel", "initramfs", &version].map(str::to_owned).to_vec());
    let initramfs = words(vec![format!("initramfs-kernel-{version}")]);
    let case: &Case = Box::leak(Box::new(change(command, a_real_kernel)));
    // In service by a rename over the one before.
    let turn = Turn::First("renamed over what was there", "initramfs-kernel-");
    let operation = Operation::new("kernel initramfs", case, turn);
    // Each step that is tried costs a run of dracut, or two.
    super::kill_some(&Operation { remade: initramfs, program: patient, kills: 8, ..operation });
}

fn patient(root: &TestRoot, words: &[&str]) -> Program {
    root.disklessset(words).limit(std::time::Duration::from_secs(240))
}

fn a_real_kernel(root: &TestRoot) {
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let modules = shared().tree().join("usr/lib/modules");
    let modules = modules.join(super::names_in(modules.as_std_path()).pop().unwrap());
    let vmlinuz = modules.join("vmlinuz");
    let add = ["kernel", "add", "--vmlinuz", vmlinuz.as_str(), "--modules", modules.as_str()];
    let _ = root.disklessset(&add).run().expect_done();
}
