//! Livenet images: made, edited, packed again, cloned.

use camino::Utf8Path;
use disklessset_tests::loop_disk::Disk;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::super::small::{self, put};
use super::{OnDisk, Trial};

const ENOUGH: u64 = 36 << 20;

/// A root on a small disk, or with one of its directories on it; the tree of its images is beside it, has a weight, and does not
/// compress.
fn ground(place: &str, kind: Disk, mebibytes: u64) -> (small::Small, OnDisk) {
    let livenet = small::Small::new();
    noise(&livenet, &livenet.tree.join("srv/noise"));
    let disk = OnDisk::new(&livenet.root, &livenet.root.path().join(place), kind, mebibytes);
    (livenet, disk)
}

fn noise(livenet: &small::Small, to: &Utf8Path) {
    let to = format!("of={to}");
    let _ = livenet.root.tool("dd", &["if=/dev/urandom", &to, "bs=1M", "count=6"]).run().expect_done();
}

#[track_caller]
fn creations(place: &str, kind: Disk, layout: &str) -> super::Refusals {
    let (livenet, disk) = ground(place, kind, if kind == Disk::Ext4 { 96 } else { 320 });
    let source = format!("tree:{}", livenet.tree);
    let command =
        ["livenet", "create", "web", "--kernel", small::KERNEL, "--source", &source, "--layout", layout];
    let trial = Trial {
        root: &livenet.root,
        disk: &disk,
        command: &command,
        ready: &|| {
            if livenet.root.status("web").is_some() {
                let _ = livenet.run(&["remove", "web", "--yes"]).expect_done();
            }
        },
        old: &|| assert!(livenet.root.images().is_empty()),
        enough: ENOUGH,
    };
    trial.sweep()
}

/// An operation on an image that is there.
#[track_caller]
fn changes(place: &str, layout: &str, command: &[&str], ready: &dyn Fn(&small::Small)) -> super::Refusals {
    let (livenet, disk) = ground(place, Disk::Ext4, 160);
    let _ = livenet.create("web", &["--layout", layout]).run().expect_done();
    let old = std::cell::RefCell::new(Vec::new());
    let file = livenet.squashfs("web");
    let trial = Trial {
        root: &livenet.root,
        disk: &disk,
        command,
        ready: &|| {
            ready(&livenet);
            *old.borrow_mut() = std::fs::read(&file).unwrap();
        },
        old: &|| {
            assert!(std::fs::read(&file).unwrap() == *old.borrow(), "another image is served");
            assert_eq!(livenet.root.status("web").as_deref(), Some("CREATED"));
            let _ = livenet.run(&["verify", "web"]).expect_done();
        },
        enough: ENOUGH,
    };
    let refusals = trial.sweep();
    unmounted(&livenet);
    let _ = livenet.run(&["verify"]).expect_done();
    refusals
}

fn nothing(_: &small::Small) {}

/// Mounted, with changes in it.
fn edited(livenet: &small::Small) {
    let mnt = livenet.mnt("web");
    if !mnt.join("etc").exists() {
        let _ = livenet.run(&["livenet", "mount", "web"]).expect_done();
        put(&mnt.join("etc/motd"), b"edited", 0o644);
        noise(livenet, &mnt.join("srv/more"));
    }
}

fn unmounted(livenet: &small::Small) {
    if livenet.mnt("web").join("etc").exists() {
        let _ = livenet.run(&["livenet", "unmount", "web", "--discard", "--yes"]).expect_done();
    }
}

#[test]
fn a_creation() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let refusals = creations("", Disk::Ext4, "flat");
    refusals.at(&["journal", "mksquashfs"]);
    refusals.at_last(&["making image web needs at least"]);
}

#[test]
fn a_classic_creation() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.ext4"));
    creations("", Disk::Ext4, "classic").at(&["mkfs.ext"]);
}

#[test]
fn mounting() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    changes("", "flat", &["livenet", "mount", "web"], &unmounted).at(&[]);
}

#[test]
fn unmounting() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    changes("", "flat", &["livenet", "unmount", "web"], &edited).at(&["mksquashfs"]);
}

#[test]
fn classic_unmounting() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.ext4"));
    changes("", "classic", &["livenet", "unmount", "web"], &edited).at(&["mkfs.ext", "mksquashfs"]);
}

#[test]
fn resizing() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    changes("", "classic", &["livenet", "resize", "web", "400M"], &nothing).at_last(&["mkfs.ext"]);
}

#[test]
fn a_command_inside() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.ext4"));
    let exec = ["livenet", "exec", "web", "--", "/bin/sh", "-c", "printf edited >/etc/motd"];
    changes("", "flat", &exec, &nothing).at(&["mksquashfs"]);
}

#[test]
fn a_rebuild() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    changes("", "flat", &["rebuild", "web"], &nothing).at(&["mksquashfs"]);
}

#[test]
fn a_clone() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.ext4"));
    let gone = |livenet: &small::Small| {
        if livenet.root.status("copy").is_some() {
            let _ = livenet.run(&["remove", "copy", "--yes"]).expect_done();
        }
    };
    changes("", "flat", &["clone", "web", "copy"], &gone).at(&[]);
}

#[test]
fn state_that_is_full_while_images_have_room() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.ext4"));
    let state = "var/lib/diskless";
    creations(state, Disk::Ext4, "flat").at(&[]);
    changes(state, "flat", &["livenet", "mount", "web"], &unmounted).at(&[]);
    changes(state, "flat", &["livenet", "unmount", "web"], &edited).at(&[]);
}

#[test]
fn images_that_are_full_while_the_state_has_room() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let images = "var/www/html/preboot_execution_environment/diskless/images";
    creations(images, Disk::Ext4, "flat").at(&[]);
    changes(images, "flat", &["livenet", "unmount", "web"], &edited).at(&[]);
}

#[test]
fn a_work_area_that_is_full_while_images_have_room() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.ext4"));
    let work = "var/tmp/diskless/workdir";
    creations(work, Disk::Ext4, "classic").at(&[]);
    changes(work, "classic", &["livenet", "unmount", "web"], &edited).at(&[]);
    changes(work, "flat", &["livenet", "mount", "web"], &unmounted).at(&[]);
}

#[test]
fn creations_on_other_file_systems() {
    disklessset_tests::need!(need::root(), need::full());
    disklessset_tests::need!(need::tool("mkfs.xfs"), need::tool("mkfs.btrfs"));
    creations("", Disk::Xfs, "flat").at(&["mksquashfs"]);
    creations("", Disk::Btrfs, "classic").at(&["mksquashfs"]);
}

#[test]
fn a_file_system_that_can_hold_no_more_files() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let (livenet, disk) = ground("var/tmp/diskless/workdir", Disk::Ext4, 24);
    let before = Snapshot::of(&livenet.root);
    let many = disk.place().join(".many");
    std::fs::create_dir(&many).unwrap();
    let mut made = 0;
    while std::fs::File::create(many.join(made.to_string())).is_ok() {
        made += 1;
    }
    let create = livenet.create("web", &[]).run();
    let _ = create.expect_code(5).expect_said("making image web needs at least").expect_said(" inodes in ");
    std::fs::remove_dir_all(&many).unwrap();
    before.assert_same_as_now(&livenet.root);
    let _ = livenet.create("web", &[]).run().expect_done();
}

#[test]
fn a_disk_that_the_kernel_made_read_only() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let images = "var/www/html/preboot_execution_environment/diskless/images";
    let (livenet, disk) = ground(images, Disk::Ext4, 64);
    let _ = livenet.create("web", &[]).run().expect_done();
    let before = Snapshot::of(&livenet.root);
    let remount = |how: &str| {
        let _ = livenet.root.tool("mount", &["-o", how, disk.place().as_str()]).run().expect_done();
    };
    remount("remount,ro");
    let commands: [&[&str]; 2] = [&["clone", "web", "copy"], &["livenet", "resize", "web", "300M"]];
    for command in commands {
        let refused = livenet.run(command).expect_code(1).expect_said("Read-only file system");
        let place = format!("the file system {} (ext4), which holds ", disk.place());
        let _ = refused.expect_said(&place).expect_said("is mounted read-only").expect_said("dmesg");
    }
    remount("remount,rw");
    before.assert_same_as_now(&livenet.root);
}
