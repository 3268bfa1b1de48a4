//! Given a small image: mounting, editing, packing, sizes, and what must not be lost on the way.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::stage::served;

use super::small::{Small, put};

/// Inode and content: what a node that is fetching has hold of.
pub(super) fn identity(file: &Utf8Path) -> (u64, Vec<u8>) {
    (file.metadata().unwrap().ino(), std::fs::read(file).unwrap())
}

/// Says whether the unpacked image has the edit that tests make.
pub(super) fn has_edit(small: &Small, name: &str) -> bool {
    std::fs::read_to_string(small.unpacked(name).join("etc/motd")).is_ok_and(|text| text == "edited")
}

#[test]
fn an_edit_is_in_the_new_image_and_the_old_one_serves_until_then() {
    disklessset_tests::need!(need::root());
    for layout in ["flat", "classic"] {
        let small = Small::new();
        let before = Snapshot::of(&small.root);
        let mnt = small.mounted("web", &["--layout", layout]);
        let old = identity(&small.squashfs("web"));
        let inventory = std::fs::read_to_string(mnt.parent().unwrap().join("inventory/host")).unwrap();
        // Data is written without the root, as in a chroot; the inventory is for the server's own Ansible.
        assert_eq!(inventory.split_whitespace().last(), Some("ansible_connection=chroot"), "{inventory}");
        assert!(inventory.starts_with(mnt.as_str()), "{inventory}");
        for place in ["proc/self", "sys/kernel", "dev/null"] {
            assert!(mnt.join(place).exists(), "{place} is not there");
        }
        let _ = small.run(&["livenet", "mount", "web"]).expect_code(5).expect_said("mounted already");
        put(&mnt.join("etc/motd"), b"edited", 0o751);
        std::fs::remove_file(mnt.join("etc/gone")).unwrap();
        put(&mnt.join("etc/ssh/ssh_host_rsa_key"), b"secret", 0o600);
        put(&mnt.join("etc/machine-id"), b"4567\n", 0o444);
        assert_eq!(identity(&small.squashfs("web")), old, "{layout}: the image in service changed");

        let unmount = small.root.disklessset(&["livenet", "unmount", "web"]).start();
        let mut last = old.clone();
        while small.root.processes().contains_key(&(unmount.pid() as i32)) {
            // A node that opens the file at any time gets a whole one.
            let now = identity(&small.squashfs("web"));
            assert!(now == old || now.1.starts_with(b"hsqs"), "{layout}: half a file is served");
            last = now;
        }
        let _ = unmount.wait().expect_done();
        drop(last);
        assert_ne!(identity(&small.squashfs("web")), old, "{layout}: nothing was packed");
        let tree = small.unpacked("web");
        assert_eq!(std::fs::read_to_string(tree.join("etc/motd")).unwrap(), "edited");
        assert_eq!(tree.join("etc/motd").metadata().unwrap().mode() & 0o7777, 0o751);
        assert!(!tree.join("etc/gone").exists(), "{layout}: a removed file is back");
        assert!(!tree.join("etc/ssh/ssh_host_rsa_key").exists(), "{layout}: a host key is in the image");
        assert_eq!(std::fs::read_to_string(tree.join("etc/machine-id")).unwrap(), "", "{layout}");
        assert_eq!(small.squashfs("web").metadata().unwrap().mode() & 0o7777, 0o644);
        Snapshot::assert_nothing_held(&small.root);
        let _ = small.run(&["verify"]).expect_done();
        let _ = small.run(&["remove", "web", "--yes"]).expect_done();
        before.assert_same_as_now(&small.root);
    }
}

#[test]
fn discarded_edits_leave_the_image_as_it_was() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let before = Snapshot::of(&small.root);
    let old = identity(&small.squashfs("web"));
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    put(&small.mnt("web").join("etc/motd"), b"edited", 0o644);
    let _ = small.run(&["livenet", "unmount", "web", "--discard", "--yes"]).expect_done();
    assert_eq!(identity(&small.squashfs("web")), old);
    before.assert_same_as_now(&small.root);
    small.refused(&["livenet", "unmount", "web"], 5, "not mounted");
}

#[test]
fn an_edit_begins_where_the_record_has_lost_that_the_one_before_has_ended() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let mnt = small.mounted("web", &[]);
    // The lines that a full disk has no room for.
    let journal = small.root.path().join("var/lib/diskless/journal/web.jsonl");
    let lines = std::fs::read(&journal).unwrap();
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    put(&journal, &lines, 0o600);
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    put(&mnt.join("etc/motd"), b"edited", 0o644);
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert_eq!(std::fs::read_to_string(small.unpacked("web").join("etc/motd")).unwrap(), "edited");
    let _ = small.run(&["verify"]).expect_done();
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn packing_killed_half_way_loses_neither_image_nor_edits() {
    disklessset_tests::need!(need::root());
    for layout in ["flat", "classic"] {
        let small = Small::new();
        let mnt = small.mounted("web", &["--layout", layout]);
        put(&mnt.join("etc/motd"), b"edited", 0o644);
        // Noise does not compress: packing takes long enough to be met.
        let noise = format!("of={}", mnt.join("srv/noise"));
        let dd = ["if=/dev/urandom", &noise, "bs=1M", "count=120"];
        let _ = small.root.tool("dd", &dd).run().expect_done();
        let old = identity(&small.squashfs("web"));
        let unmount = small.root.disklessset(&["livenet", "unmount", "web"]).start();
        let (unmount, _) = unmount.wait_until(|| small.root.tool_at_work("mksquashfs"));
        let _ = unmount.kill_nine();
        let _ = small.run(&["list"]).expect_done();
        assert_eq!(identity(&small.squashfs("web")), old, "{layout}: the image in service changed");
        // The user does what the message of the next commands says.
        let again = small.run(&["livenet", "unmount", "web"]);
        let _ = again.expect_done();
        assert!(has_edit(&small, "web"), "{layout}: the edits are lost");
        assert!(small.unpacked("web").join("srv/noise").exists());
        assert_eq!(small.root.status("web").as_deref(), Some("CREATED"));
        Snapshot::assert_nothing_held(&small.root);
        let images = small.root.image_dir("web").parent().unwrap().to_owned();
        assert_eq!(
            images.read_dir_utf8().unwrap().count(),
            1,
            "{layout}: something is left beside the image"
        );
    }
}

#[test]
fn an_action_that_waited_for_the_image_is_checked_against_it_as_it_is_then() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let exec = small.root.disklessset(&["livenet", "exec", "web", "--", "sleep", "3"]).start();
    let (exec, _) = exec.wait_until(|| small.root.tool_at_work("sleep"));
    // It is mounted for that command, and will not be when its turn comes.
    let _ = small.run(&["livenet", "mount", "web", "--wait", "120"]).expect_done();
    let _ = exec.wait().expect_done();
    assert!(small.mnt("web").join("etc").exists());
    let _ = small.run(&["livenet", "unmount", "web", "--discard"]).expect_done();
}

#[test]
fn edits_survive_a_reboot() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let mnt = small.mounted("web", &[]);
    put(&mnt.join("etc/motd"), b"edited", 0o644);
    // What a reboot does to mounts; locks in /run are gone too.
    let points = disklessset_tests::facts::mount_points().unwrap();
    for point in points.iter().rev().filter(|point| point.starts_with(small.root.path())) {
        let _ = small.root.tool("umount", &[point]).run().expect_done();
    }
    std::fs::remove_dir_all(small.root.path().join("run")).unwrap();
    let _ = small.run(&["livenet", "exec", "web", "--", "/bin/sh", "-c", "exit 0"]).expect_code(125);
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert!(has_edit(&small, "web"));
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn a_mounted_image_without_edits_is_removed_with_its_mounts_unless_somebody_is_inside() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let mnt = small.mounted("web", &["--layout", "classic"]);
    let sitter = small.root.tool("sleep", &["60"]).dir(&mnt.join("etc")).start();
    let refused = small.run(&["remove", "web", "--yes"]).expect_refusal(&[4, 5]);
    let _ = refused.expect_said("busy").expect_said("sleep");
    let _ = sitter.kill_nine();
    assert!(mnt.join("proc/self").exists(), "all of it is mounted still");
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    Snapshot::assert_nothing_held(&small.root);
    assert!(small.root.images().is_empty());
}

#[test]
fn a_mounted_image_is_cloned_without_its_edits_and_not_removed() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let mnt = small.mounted("web", &[]);
    put(&mnt.join("etc/motd"), b"edited", 0o644);
    let _ = small.run(&["clone", "web", "copy"]).expect_done().expect_said("mounted");
    assert!(!has_edit(&small, "copy"));
    assert!(small.record("copy").contains("is_mounted: false"), "{}", small.record("copy"));
    let _ = small.run(&["remove", "web", "--yes"]).expect_refusal(&[4, 5]).expect_said("mounted");
    let _ = small.run(&["remove", "copy", "--yes"]).expect_done();
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert!(has_edit(&small, "web"));
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
}

#[test]
fn a_command_inside_counts_when_it_ends_well() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let old = served(&small.root, "web");
    let exec = |script: &str| small.run(&["livenet", "exec", "web", "--", "/bin/sh", "-c", script]);
    let _ = exec("echo x >/etc/motd; exit 3").expect_code(3).expect_said("exit code 3");
    assert_eq!(served(&small.root, "web"), old, "a failed command changed the image");
    let _ = exec("echo x >/etc/motd; kill -TERM $$").expect_code(128 + 15);
    assert_eq!(served(&small.root, "web"), old, "a killed command changed the image");
    let heard = exec("echo out; echo err >&2").expect_done();
    assert_eq!(heard.stdout, "out\n", "{heard}");
    assert!(heard.stderr.contains("err\n"), "{heard}");
    assert_eq!(served(&small.root, "web"), old, "nothing was changed, and it was packed");
    let _ = exec("printf edited >/etc/motd").expect_done();
    assert!(has_edit(&small, "web"));
    let missing = small.run(&["livenet", "exec", "web", "--", "no-such-program"]);
    let _ = missing.expect_code(127).expect_said("no-such-program");
    for own in [vec!["nope", "--", "true"], vec!["web", "--bad", "--", "true"], vec!["a b", "--", "true"]] {
        let failed = small.run(&[vec!["livenet", "exec"], own].concat());
        let _ = failed.expect_code(125).expect_said("error");
    }
    let kept = ["livenet", "exec", "web", "--keep-on-failure", "--", "/bin/sh", "-c", ": >/etc/motd; exit 7"];
    let _ = small.run(&kept).expect_code(7);
    assert!(!has_edit(&small, "web"), "the changes of a failed command were not kept");
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn a_command_inside_a_mounted_image_works_there_and_is_packed_with_the_rest() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let mnt = small.mounted("web", &[]);
    let old = served(&small.root, "web");
    for script in ["printf edited >/etc/motd", "test -d /sys/kernel && test -c /dev/null && ! (: >/sys/x)"] {
        let _ = small.run(&["livenet", "exec", "web", "--", "/bin/sh", "-c", script]).expect_done();
    }
    assert_eq!(std::fs::read_to_string(mnt.join("etc/motd")).unwrap(), "edited");
    // As Ansible comes in: what it needs of /dev is there, and no disk, terminal or memory of the server.
    let inside = ["/bin/sh", "-c", ": </dev/urandom >/dev/null && : >/dev/shm/x && cd /dev && echo *"];
    let seen = small.root.tool("chroot", &[&[mnt.as_str()], &inside[..]].concat()).run().expect_done();
    let seen: Vec<&str> = seen.stdout.split_whitespace().collect();
    let made_up = ["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty"];
    assert_eq!(seen, [&made_up[..], &["urandom", "zero"]].concat());
    assert!(!Utf8Path::new("/dev/shm/x").exists(), "the memory of the server");
    assert!(mnt.join("sys/kernel").exists(), "the tree has lost its system");
    assert_eq!(served(&small.root, "web"), old, "what nodes get has changed");
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert!(has_edit(&small, "web"));
    Snapshot::assert_nothing_held(&small.root);
}
