//! Images that run from RAM: made, mounted, edited, packed.

use camino::Utf8PathBuf;
use disklessset_tests::need;

use super::table::Table;
use super::world::World;
use crate::system::small::{KERNEL, Small, register_kernel};

const OTHER: &str = "6.1.0-other";

/// A root with an image `web` of a layout.
pub(super) fn with_image(layout: &str) -> Small {
    let small = Small::new();
    register_kernel(&small.root, OTHER);
    let _ = small.create("web", &["--layout", layout]).run().expect_done();
    small
}

/// The record of an image and the kernel's table say the same.
#[track_caller]
pub(super) fn agree(small: &Small, world: &World) {
    let recorded = small.record("web").contains("is_mounted: true");
    let mnt = small.mnt("web");
    let places = [mnt.clone(), mnt.join("proc"), mnt.join("sys"), mnt.join("dev")];
    for place in places {
        assert_eq!(world.mounted_at(&place), recorded, "{place}, recorded as mounted: {recorded}");
    }
    assert_eq!(work_area(small).exists(), recorded, "the work area of an image that is mounted: {recorded}");
}

fn work_area(small: &Small) -> Utf8PathBuf {
    small.mnt("web").parent().unwrap().to_owned()
}

fn creation(layout: &str) {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = Small::new();
    let source = format!("tree:{}", small.tree);
    let command = ["livenet", "create", "web", "--kernel", KERNEL, "--source", &source, "--layout", layout];
    Table::of(&format!("livenet create, {layout}"), &small.root, &command).kill();
}

#[test]
fn a_creation_of_a_flat_image() {
    creation("flat");
}

#[test]
fn a_creation_of_a_classic_image() {
    disklessset_tests::need!(need::full());
    creation("classic");
}

fn mounting(layout: &str) {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = with_image(layout);
    let holds = |world: &World| agree(&small, world);
    let operation = format!("livenet mount, {layout}");
    let table = Table::of(&operation, &small.root, &["livenet", "mount", "web"]);
    Table { holds: &holds, ..table }.kill();
}

#[test]
fn a_mount_of_a_flat_image() {
    mounting("flat");
}

#[test]
fn a_mount_of_a_classic_image() {
    disklessset_tests::need!(need::full());
    mounting("classic");
}

/// Something done to an image that nobody has mounted, and that nobody has mounted afterwards.
fn on_image(operation: &str, layout: &str, command: &[&str]) {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = with_image(layout);
    let holds = |world: &World| {
        if small.root.image_dir("web").exists() {
            agree(&small, world);
        }
    };
    Table { holds: &holds, ..Table::of(operation, &small.root, command) }.kill();
}

#[test]
fn a_resizing_of_a_flat_image() {
    on_image("livenet resize, flat", "flat", &["livenet", "resize", "web", "500M"]);
}

#[test]
fn a_resizing_of_a_classic_image() {
    disklessset_tests::need!(need::full());
    on_image("livenet resize, classic", "classic", &["livenet", "resize", "web", "500M"]);
}

#[test]
fn a_command_inside() {
    let edit = "printf edited >/etc/motd";
    on_image("livenet exec", "flat", &["livenet", "exec", "web", "--", "/bin/sh", "-c", edit]);
}

#[test]
fn a_clone() {
    on_image("livenet clone", "flat", &["clone", "web", "copy"]);
}

#[test]
fn a_removal() {
    on_image("livenet remove", "flat", &["remove", "web", "--yes"]);
}

#[test]
fn a_change_of_kernel() {
    on_image("livenet kernel set", "flat", &["kernel", "set", "web", OTHER]);
}
