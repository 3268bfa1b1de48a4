//! Kernels, with what belongs to them: added, given an initramfs, removed.

use camino::Utf8PathBuf;
use disklessset_tests::need;

use super::table::Table;
use crate::system::small::{Small, kernels, put};

const VERSION: &str = "6.1.0-new";

/// A kernel's file and its modules, as much of them as anybody looks at, beside the root.
fn a_kernel(small: &Small) -> (Utf8PathBuf, Utf8PathBuf) {
    let beside = small.root.beside();
    let (file, modules) = (beside.join(format!("vmlinuz-{VERSION}")), beside.join("modules").join(VERSION));
    put(&file, b"a kernel", 0o644);
    for index in ["dep", "order", "builtin", "alias", "symbols", "softdep", "devname"] {
        put(&modules.join(format!("modules.{index}")), b"", 0o644);
    }
    put(&modules.join("kernel/drivers/net/card.ko"), &[7; 5000], 0o644);
    (file, modules)
}

fn add(file: &Utf8PathBuf, modules: &Utf8PathBuf) -> [String; 6] {
    ["kernel", "add", "--vmlinuz", file.as_str(), "--modules", modules.as_str()].map(str::to_owned)
}

#[test]
fn an_addition_with_modules() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = Small::new();
    let (file, modules) = a_kernel(&small);
    let command = add(&file, &modules);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    Table::of("kernel add --modules", &small.root, &command).kill();
}

/// A root in which it is added already, with an initramfs of an older making.
fn added() -> Small {
    let small = Small::new();
    let (file, modules) = a_kernel(&small);
    let _ = small.root.disklessset(&add(&file, &modules)).run().expect_done();
    put(&kernels(&small.root).join(format!("initramfs-kernel-{VERSION}")), b"an older one", 0o644);
    small
}

#[test]
fn a_removal_with_initramfs_and_modules() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    Table::of("kernel remove", &added().root, &["kernel", "remove", VERSION, "--yes"]).kill();
}

/// dracut works for seconds, each time that it is reached. A sample has the same at the program's own steps
/// (`failpoints::kernels::an_initramfs_in_place_of_an_older_one`).
#[test]
fn a_new_initramfs_in_place_of_an_older_one() {
    disklessset_tests::need!(need::root(), need::tool("strace"), need::tool("dracut"), need::full());
    let small = added();
    Table::of("kernel initramfs", &small.root, &["kernel", "initramfs", VERSION]).kill_at(12);
}
