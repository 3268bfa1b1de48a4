//! Given a module of another author: an image whose initrd is the whole system boots without an initramfs.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::{authors, need};

use super::livenet::{PATIENCE, unpack, world};

#[test]
fn an_image_whose_initrd_is_the_whole_system_boots_to_its_login_prompt() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("cpio"),
        need::tool("qemu-system-x86_64"),
        need::full()
    );
    authors::build();
    let root = world();
    root.drop_in("ramdisk");
    let unpacked = tempfile::tempdir_in(root.beside()).unwrap();
    let source = unpack(root, &unpacked);
    let tree = source.trim_start_matches("tree:");
    let create = ["ramdisk", "create", "in-memory", "--kernel", "from-image", "--tree", tree];
    let _ = root.disklessset(&create).limit(PATIENCE).run().expect_done();
    let proof =
        root.disklessset(&["prove", "in-memory", "--memory", "2G"]).limit(PATIENCE).run().expect_done();
    for stage in ["kernel started", "login prompt"] {
        assert!(proof.stdout.contains(stage), "no {stage:?} in the times: {proof}");
    }
    assert!(proof.stdout.contains("login:"), "no login prompt shown: {proof}");
    let _ = root.disklessset(&["remove", "in-memory", "--yes"]).run().expect_done();
    root.take_out("ramdisk");
}
