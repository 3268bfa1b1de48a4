//! Images that run from RAM, at the end of an edit: mounted with all changes, or unmounted and packed.

use camino::Utf8Path;
use disklessset_tests::need;

use super::livenet::{agree, with_image};
use super::table::Table;
use super::world::World;
use crate::system::small::{Small, put};

fn edit(tree: &Utf8Path) {
    put(&tree.join("etc/motd"), b"edited", 0o644);
    std::fs::remove_file(tree.join("etc/gone")).unwrap();
}

#[track_caller]
fn mount(small: &Small) {
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
}

/// An unmount of an image that is mounted and perhaps edited.
fn unmounting(operation: &str, layout: &str, more: &[&str], change: fn(&Utf8Path)) {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = with_image(layout);
    let begin = || {
        mount(&small);
        change(&small.mnt("web"));
    };
    let holds = |world: &World| agree(&small, world);
    let command = [&["livenet", "unmount", "web"][..], more].concat();
    let table = Table::of(operation, &small.root, &command);
    Table { begin: &begin, holds: &holds, ..table }.kill();
}

#[test]
fn an_unmount_with_edits_of_a_flat_image() {
    unmounting("livenet unmount with edits, flat", "flat", &[], edit);
}

#[test]
fn an_unmount_with_edits_of_a_classic_image() {
    unmounting("livenet unmount with edits, classic", "classic", &[], edit);
}

#[test]
fn an_unmount_without_edits() {
    unmounting("livenet unmount without edits", "flat", &[], |_| {});
}

#[test]
fn an_unmount_that_discards_edits() {
    unmounting("livenet unmount --discard", "flat", &["--discard", "--yes"], edit);
}
