//! Given a mounted image that somebody sits in, or has mounted something inside, or that does not fit: refused by name, and nothing is
//! lost.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::canary::Canary;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use crate::system::livenet_edit::{has_edit, identity};
use crate::system::small::{Small, put};

#[test]
fn case_21_a_busy_tree_stays_with_its_edits_and_the_process_is_named() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let mnt = small.mounted("web", &[]);
    put(&mnt.join("etc/motd"), b"edited", 0o644);
    let old = identity(&small.squashfs("web"));
    let sitting = small.root.tool("sleep", &["300"]).dir(&mnt.join("etc")).start();
    let pid = format!("pid {}", sitting.pid());
    for more in [&[][..], &["--discard"]] {
        let args = [&["livenet", "unmount", "web", "--yes"][..], more].concat();
        let _ = small.run(&args).expect_refusal(&[4, 5]).expect_said(&pid).expect_said("sleep");
        assert!(mnt.join("proc/self").exists(), "who is inside cannot go on");
        assert_eq!(std::fs::read_to_string(mnt.join("etc/motd")).unwrap(), "edited");
    }
    assert_eq!(identity(&small.squashfs("web")), old);
    let _ = sitting.kill_nine();
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert!(has_edit(&small, "web"));
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn case_20_a_mount_of_somebody_else_inside_is_named_and_its_files_survive() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let canary = Canary::plant(&small.root.beside().join("canary"));
    let mnt = small.mounted("web", &[]);
    put(&mnt.join("etc/motd"), b"edited", 0o644);
    let inside = mnt.join("srv");
    let bind = ["--bind", canary.path().as_str(), inside.as_str()];
    let _ = small.root.tool("mount", &bind).run().expect_done();
    let commands: [&[&str]; 4] = [
        &["livenet", "unmount", "web"],
        &["livenet", "unmount", "web", "--discard", "--yes"],
        &["remove", "web", "--yes"],
        &["clear", "web", "--yes"],
    ];
    for args in commands {
        let _ = small.run(args).expect_refusal(&[1, 4, 5]).expect_said("mounted");
        canary.assert_untouched();
        assert!(inside.join("precious").exists(), "{args:?} took the other mount away");
    }
    let _ = small.root.tool("umount", &[inside.as_str()]).run().expect_done();
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert!(has_edit(&small, "web"));
    assert!(!small.unpacked("web").join("srv/precious").exists());
    canary.assert_untouched();
}

#[test]
fn case_22_sizes_are_kept_and_content_beyond_them_is_refused() {
    disklessset_tests::need!(need::full(), need::root());
    let small = Small::new();
    put(&small.tree.join("srv/weight"), &vec![1; 150 << 20], 0o644);
    for layout in ["flat", "classic"] {
        let create = ["--layout", layout];
        let before = Snapshot::of(&small.root);
        let tight = small.create("web", &[&create[..], &["--size", "110M"]].concat()).run();
        let _ = tight.expect_code(5).expect_said("does not fit into 110M");
        before.assert_same_as_now(&small.root);
        let _ = small.create("web", &[&create[..], &["--size", "700M"]].concat()).run().expect_done();
        let size = || {
            let shown = small.run(&["show", "web", "--format", "json"]).expect_done().json();
            shown["image"]["attributes"]["livenet_size"]
                .as_u64()
                .unwrap_or_else(|| panic!("no size: {shown}"))
        };
        assert_eq!(size(), 700);
        small.refused(&["livenet", "resize", "web", "110M"], 5, "does not fit");
        for bad in ["99M", "50001M", "7", "-1M", "1T", "5.G", "", "auto5"] {
            small.refused(&["livenet", "resize", "web", bad], 2, "");
            small.refused(
                &["livenet", "create", "x", "--kernel", "1", "--source", "apt", "--size", bad],
                2,
                "",
            );
        }
        let old = identity(&small.squashfs("web"));
        for (given, mebibytes) in [("1.5G", 1536), ("400M", 400)] {
            let _ = small.run(&["livenet", "resize", "web", given]).expect_done();
            assert_eq!(size(), mebibytes);
            assert_eq!(identity(&small.squashfs("web")) == old, layout == "flat", "{layout} {given}");
        }
        if layout == "classic" {
            let inner = tempfile::tempdir_in(small.root.beside()).unwrap();
            let out = inner.path().join("out");
            let image = small.squashfs("web");
            let unsquash = ["-q", "-n", "-d", out.to_str().unwrap(), image.as_str()];
            let _ = small.root.tool("unsquashfs", &unsquash).run().expect_done();
            assert_eq!(out.join("LiveOS/rootfs.img").metadata().unwrap().len(), 400 << 20);
        }
        let _ = small.run(&["livenet", "resize", "web", "auto"]).expect_done();
        assert!((250..400).contains(&size()), "{}", size());
        let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    }
}

#[test]
fn case_22_a_mounted_image_that_has_grown_is_refused_until_it_is_resized() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let mnt = small.mounted("web", &["--size", "100M"]);
    let old = identity(&small.squashfs("web"));
    put(&mnt.join("srv/large"), &vec![1; 150 << 20], 0o644);
    let _ = small.run(&["livenet", "unmount", "web"]).expect_code(5).expect_said("does not fit into 100M");
    assert!(mnt.join("srv/large").exists() && mnt.join("proc/self").exists(), "the edits are out of reach");
    assert_eq!(identity(&small.squashfs("web")), old);
    let _ = small.run(&["livenet", "resize", "web", "300M"]).expect_done();
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert!(small.unpacked("web").join("srv/large").exists());
}
