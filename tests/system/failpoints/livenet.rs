//! Livenet images: packed by real tools, and mounted where users can see it.

use disklessset_tests::root::TestRoot;

use super::super::kill_points::{Case, Does};
use super::super::small::{KERNEL, kernels, make_tree, put, register_kernel, unpack};
use super::{COMMITTED, OUT_OF_SERVICE, Operation, Turn, UNREGISTERED, operations};

const LIVENET: &[&str] = &["livenet"];
/// The image comes into service with all that is recorded of it.
const PUBLISHED: Turn = Turn::First("directories: exchanged", "images/web");
/// The changes, or that there are none, are nobody's any more.
const GIVEN_UP: Turn = Turn::First("module: says what it does", "are given up");

fn a_tree(root: &TestRoot) {
    make_tree(root, &root.beside().join("tree"));
    std::fs::create_dir_all(kernels(root)).unwrap();
    register_kernel(root, KERNEL);
}

fn create(root: &TestRoot, more: &[&str]) {
    a_tree(root);
    let _ = root.disklessset(&[CREATE.command, more].concat()).run().expect_done();
}

fn an_image(root: &TestRoot) {
    create(root, &[]);
}

/// What is made again is another root image, whatever the clock says.
fn an_image_of_an_older_tree(root: &TestRoot) {
    an_image(root);
    put(&root.beside().join("tree/etc/motd"), b"newer", 0o644);
}

fn a_classic_image(root: &TestRoot) {
    create(root, &["--layout", "classic"]);
}

/// Two images mounted one after the other would share a name of their work area: one is enough.
fn mounted(root: &TestRoot) {
    let _ = root.disklessset(MOUNT.command).run().expect_done();
}

fn edited(root: &TestRoot) {
    mounted(root);
    let mnt = root.path().join("var/tmp/diskless/workdir/web/mnt");
    put(&mnt.join("etc/motd"), b"edited", 0o644);
}

/// The image in service unpacks, and has the edit.
fn has_edit(root: &TestRoot) {
    let motd = unpack(root, &root.image_dir("web").join("squashfs.img")).join("etc/motd");
    assert_eq!(std::fs::read_to_string(motd).unwrap(), "edited");
}

/// The image in service is whole.
fn unpacks(root: &TestRoot) {
    assert!(unpack(root, &root.image_dir("web").join("squashfs.img")).join("etc/passwd").is_file());
}

const CREATE: Case = Case {
    modules: LIVENET,
    command: &["livenet", "create", "web", "--kernel", KERNEL, "--source", "tree:tree"],
    image: "web",
    does: Does::Make,
    prepare: a_tree,
};
const CLONE: Case = Case {
    modules: LIVENET,
    command: &["clone", "web", "copy"],
    image: "copy",
    does: Does::Make,
    prepare: an_image,
};
const fn change(command: &'static [&'static str], prepare: fn(&TestRoot)) -> Case {
    Case { modules: LIVENET, command, image: "web", does: Does::Change, prepare }
}
const MOUNT: Case = change(&["livenet", "mount", "web"], an_image);
const UNMOUNT: Case = change(&["livenet", "unmount", "web"], an_image);
const UNMOUNT_CLASSIC: Case = change(&["livenet", "unmount", "web"], a_classic_image);
const DISCARD: Case = change(&["livenet", "unmount", "web", "--discard", "--yes"], an_image);
const RESIZE: Case = change(&["livenet", "resize", "web", "300M"], an_image);
const RESIZE_CLASSIC: Case = change(&["livenet", "resize", "web", "300M"], a_classic_image);
const EXEC: Case =
    change(&["livenet", "exec", "web", "--", "/bin/sh", "-c", "printf edited >/etc/motd"], an_image);
const REBUILD: Case = change(&["rebuild", "web"], an_image_of_an_older_tree);
const REBUILD_HELD: Case = Case {
    modules: LIVENET,
    command: &["rebuild", "web", "--hold"],
    image: "web",
    does: Does::Other,
    prepare: an_image_of_an_older_tree,
};
const REMOVE: Case = Case {
    modules: LIVENET,
    command: &["remove", "web", "--yes"],
    image: "web",
    does: Does::Remove,
    prepare: an_image,
};

const fn packing(name: &'static str, case: &'static Case, turn: Turn) -> Operation {
    Operation { remade: &["squashfs.img", "SHA256SUMS"], kills: 6, ..Operation::new(name, case, turn) }
}

operations! {
    a_creation: Operation { ended: unpacks, ..packing("livenet create", &CREATE, UNREGISTERED) };
    a_clone: Operation::new("livenet clone", &CLONE, UNREGISTERED);
    a_mount: Operation::new("livenet mount", &MOUNT, COMMITTED);
    an_unmount_that_packs: Operation {
        arrange: edited, ended: has_edit, ..packing("livenet unmount", &UNMOUNT, PUBLISHED)
    };
    an_unmount_that_packs_a_classic_image: Operation {
        arrange: edited, ended: has_edit, ..packing("livenet unmount, classic", &UNMOUNT_CLASSIC, PUBLISHED)
    };
    an_unmount_without_changes: Operation {
        arrange: mounted, ..Operation::new("livenet unmount, unchanged", &UNMOUNT, GIVEN_UP)
    };
    an_unmount_that_discards: Operation {
        arrange: edited, ..Operation::new("livenet unmount --discard", &DISCARD, GIVEN_UP)
    };
    a_resize: Operation::new("livenet resize", &RESIZE, COMMITTED);
    a_resize_that_packs: Operation { ended: unpacks, ..packing("livenet resize, classic", &RESIZE_CLASSIC, PUBLISHED) };
    a_rebuild: Operation { ended: unpacks, ..packing("livenet rebuild", &REBUILD, COMMITTED) };
    a_rebuild_that_is_held: packing("livenet rebuild --hold", &REBUILD_HELD, COMMITTED);
    a_command_inside: Operation { ended: has_edit, ..packing("livenet exec", &EXEC, PUBLISHED) };
    a_removal: Operation::new("livenet remove", &REMOVE, OUT_OF_SERVICE);
}
