//! Given a site with versions on which tools of 1.x work, too: what they did is found and named, and there is a way back and a way on.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::io::Write;
use std::os::unix::fs::FileExt;

use disklessset_tests::need;
use serde_json::Value;

use super::small::{KERNEL, Small, kernels, put, register_kernel};

const OTHER: &str = "6.1.0-other";

/// An image with two versions, beside it another kernel. The initramfs is too large to be copied for a version: it is a second name of one.
fn site() -> Small {
    let small = Small::new();
    for (version, filling) in [(KERNEL, 0), (OTHER, b'\n')] {
        register_kernel(&small.root, version);
        let initramfs = kernels(&small.root).join(format!("initramfs-kernel-{version}"));
        let mut file = std::fs::File::options().append(true).open(initramfs).unwrap();
        file.write_all(&[0; 512]).unwrap();
        file.write_all(&[filling; 200 << 10]).unwrap();
    }
    let _ = small.create("web", &[]).run().expect_done();
    let edit = ["livenet", "exec", "web", "--", "/bin/sh", "-c", "echo two > /etc/motd"];
    let _ = small.run(&edit).expect_done();
    small
}

fn boot_file(small: &Small) -> String {
    std::fs::read_to_string(small.root.image_dir("web").join("boot.ipxe")).unwrap()
}

/// The number of the version that nodes get.
#[track_caller]
fn current(small: &Small) -> Option<u64> {
    let versions = small.run(&["--format", "json", "versions", "web"]).expect_done().json();
    let versions = versions["versions"].as_array().unwrap();
    let current = versions.iter().find(|version| version["state"] == "current");
    current.and_then(|version| version["number"].as_u64())
}

/// What `set_kernel` of 1.x does: the record is rewritten in place, and a boot file of its own takes the place of ours.
fn set_kernel_by_1x(small: &Small, version: &str) {
    let directory = small.root.image_dir("web");
    let record = std::fs::read_to_string(directory.join("image_data.yml")).unwrap();
    put(&directory.join("image_data.yml"), record.replace(KERNEL, version).as_bytes(), 0o644);
    let base = "http://${next-server}/preboot_execution_environment/diskless";
    let text = format!(
        "#!ipxe\n\necho |  Image used: web\n\nset image-kernel vmlinuz-{version}\nset image-initramfs initramfs-kernel-{version}\n\
         kernel {base}/kernels/${{image-kernel}} initrd=${{image-initramfs}} root=live:{base}/images/web/squashfs.img rw\n\
         initrd {base}/kernels/${{image-initramfs}}\nboot\n"
    );
    put(&directory.join("boot.ipxe"), text.as_bytes(), 0o644);
}

#[test]
fn a_kernel_that_1x_has_set_is_what_nodes_get_until_a_version_is_released_or_made() {
    disklessset_tests::need!(need::root());
    let small = site();
    set_kernel_by_1x(&small, OTHER);
    let list = small.run(&["--format", "json", "list"]).expect_done().json();
    assert_eq!(list["images"][0]["attributes"]["kernel"], Value::from(format!("vmlinuz-{OTHER}")));
    assert_eq!(current(&small), None);
    let told = small.run(&["verify", "web"]).expect_code(1).stdout;
    assert!(told.contains("boot.ipxe is not what its class would write now"), "{told}");
    let _ = small.run(&["release", "web@2"]).expect_done();
    assert_eq!(current(&small), Some(2));
    assert!(boot_file(&small).contains("web@2"));
    let _ = small.run(&["verify", "web"]).expect_done();
    // Or on with what it set.
    set_kernel_by_1x(&small, OTHER);
    let _ = small.run(&["kernel", "set", "web", OTHER]).expect_done();
    assert_eq!(current(&small), Some(3));
    let told = small.run(&["verify", "web"]).stdout;
    assert!(!told.contains("boot.ipxe"), "{told}");
}

#[test]
fn an_initramfs_that_dracut_wrote_into_is_named_and_versions_with_another_kernel_go_on() {
    disklessset_tests::need!(need::root());
    let small = site();
    let _ = small.run(&["kernel", "set", "web", OTHER]).expect_done();
    let initramfs = kernels(&small.root).join(format!("initramfs-kernel-{KERNEL}"));
    let file = std::fs::File::options().write(true).open(&initramfs).unwrap();
    file.write_all_at(b"written over", 0).unwrap();
    drop(file);
    let told = small.run(&["verify"]).expect_code(1).stdout;
    for version in ["web@1", "web@2"] {
        let line = told.lines().find(|line| line.contains(version)).unwrap_or_else(|| panic!("{told}"));
        assert!(line.contains("initramfs-kernel-6.1.0-small") && line.contains("is damaged"), "{told}");
    }
    assert!(!told.contains("web@3"), "{told}");
    for back in [&["rollback", "web"][..], &["release", "web@1"], &["--dry-run", "rollback", "web"]] {
        small.refused(back, 1, "is damaged");
    }
    assert_eq!(current(&small), Some(3));
    let edit = ["livenet", "exec", "web", "--", "/bin/sh", "-c", "echo four > /etc/motd"];
    let _ = small.run(&edit).expect_done();
    assert_eq!(current(&small), Some(4));
    let _ = small.run(&["rollback", "web"]).expect_done();
    assert_eq!(current(&small), Some(3));
}

#[test]
fn a_release_of_the_current_version_puts_back_what_is_missing_in_places_of_1x() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let (image, kernel) = (small.squashfs("web"), kernels(&small.root).join(format!("vmlinuz-{KERNEL}")));
    let whole = [&image, &kernel].map(|file| std::fs::read(file).unwrap());
    let boot = std::fs::read(small.root.image_dir("web").join("boot.ipxe")).unwrap();
    std::fs::remove_file(&image).unwrap();
    let found = small.run(&["verify", "web"]).expect_code(1);
    assert!(found.stdout.contains(" release web@1"), "{found}");
    std::fs::remove_file(&kernel).unwrap();
    let _ = small.run(&["release", "web@1", "--dry-run"]).expect_done();
    assert!(!image.exists() && !kernel.exists());
    let _ = small.run(&["release", "web@1"]).expect_done();
    assert!([&image, &kernel].map(|file| std::fs::read(file).unwrap()) == whole);
    assert!(std::fs::read(small.root.image_dir("web").join("boot.ipxe")).unwrap() == boot);
    let _ = small.run(&["verify"]).expect_done();
    let listed = small.run(&["--format", "json", "versions", "web"]).expect_done().json();
    assert_eq!(listed["versions"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["versions"][0]["state"], "current");
    let _ = small.run(&["-i", "release", "web@1"]).expect_done().expect_said("is current already");
}
