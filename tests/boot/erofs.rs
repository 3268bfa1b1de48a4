//! Given a module of another author: images of its class boot as those of its base do.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::{authors, need};

use super::livenet::{PATIENCE, boots, unpack, world};

#[test]
fn an_image_on_erofs_boots_to_its_login_prompt() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("mkfs.erofs"),
        need::tool("qemu-system-x86_64")
    );
    authors::build();
    let root = world();
    root.drop_in("erofs");
    let unpacked = tempfile::tempdir_in(root.beside()).unwrap();
    let source = unpack(root, &unpacked);
    let create = ["erofs", "create", "on-erofs", "--kernel", "from-image", "--source", &source];
    let _ = root.disklessset(&create).limit(PATIENCE).run().expect_done();
    boots(root, "on-erofs");
    let _ = root.disklessset(&["remove", "on-erofs", "--yes"]).run().expect_done();
    root.take_out("erofs");
}
