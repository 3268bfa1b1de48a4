//! Given kernels that do not read every squashfs file, as those of Enterprise Linux 8: their images are packed so that they can.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;

use super::small::{KERNEL, Small, put, register_kernel};

const EL8: &str = "4.18.0-553.el8_10.x86_64";

/// The compression as the file itself has it.
#[track_caller]
fn compression(small: &Small, image: &str) -> u8 {
    std::fs::read(small.squashfs(image)).unwrap()[20]
}

const GZIP: u8 = 1;
const XZ: u8 = 4;
const ZSTD: u8 = 6;

#[test]
fn an_image_is_packed_as_its_kernel_can_read_it_and_stays_so() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    register_kernel(&small.root, EL8);
    std::fs::remove_dir_all(small.tree.join("usr/lib/modules")).unwrap();
    let source = format!("tree:{}", small.tree);
    let create = ["livenet", "create", "old", "--kernel", EL8, "--source", &source];
    small.refused(
        &[&create[..], &["--compression", "zstd"]].concat(),
        5,
        "cannot read squashfs compressed with zstd",
    );
    let _ = small.run(&create).expect_done();
    assert_eq!(compression(&small, "old"), GZIP);
    // Told once, kept.
    let _ = small.run(&["livenet", "resize", "old", "auto", "--compression", "xz"]).expect_done();
    assert_eq!(compression(&small, "old"), XZ);
    let _ = small.run(&["livenet", "exec", "old", "--", "/bin/sh", "-c", "echo x > /etc/motd"]).expect_done();
    assert_eq!(compression(&small, "old"), XZ);
    let _ = small.run(&["livenet", "mount", "old"]).expect_done();
    small.refused(&["livenet", "resize", "old", "300M", "--compression", "gzip"], 5, "is mounted");
    let _ = small.run(&["livenet", "unmount", "old", "--compression", "gzip"]).expect_done();
    assert_eq!(compression(&small, "old"), GZIP);
    let _ = small.run(&["verify", "old"]).expect_done();
}

#[test]
fn a_kernel_that_cannot_read_an_image_is_refused_with_what_helps() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    register_kernel(&small.root, EL8);
    let _ = small.create("web", &[]).run().expect_done();
    assert_eq!(compression(&small, "web"), ZSTD);
    small.refused(&["kernel", "set", "web", EL8], 5, "cannot read squashfs compressed with zstd");
    let refused = small.run(&["kernel", "set", "web", EL8]).expect_code(5);
    let hint =
        refused.stderr.lines().find_map(|line| line.split_once("first disklessset ")).unwrap().1.to_owned();
    let _ = small.run(&hint.split_whitespace().collect::<Vec<_>>()).expect_done();
    let _ = small.run(&["kernel", "set", "web", EL8]).expect_done();
    // One that was given to the kernel by another hand.
    let _ = small.create("other", &[]).run().expect_done();
    std::fs::copy(small.squashfs("other"), small.squashfs("web")).unwrap();
    let said = small.run(&["verify", "web"]).expect_code(1).stdout;
    assert!(said.contains("cannot read squashfs.img, which is compressed with zstd"), "{said}");
}

#[test]
fn a_configuration_beside_the_modules_decides_before_the_version() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let modules = small.tree.join("usr/lib/modules").join(KERNEL);
    put(&modules.join("config"), b"CONFIG_SQUASHFS=m\nCONFIG_SQUASHFS_XZ=y\n", 0o644);
    let _ = small.create("web", &[]).run().expect_done();
    assert_eq!(compression(&small, "web"), XZ);
}
