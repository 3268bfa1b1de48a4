//! The blocks of a root image have the size that was asked for, and keep it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;

use super::small::{Small, put};

/// The size of the blocks, as the tool of squashfs tells it.
fn blocks(small: &Small) -> String {
    let told =
        small.root.tool("unsquashfs", &["-s", small.squashfs("web").as_str()]).run().expect_done().stdout;
    told.lines().find_map(|line| line.strip_prefix("Block size ")).unwrap().to_owned()
}

#[test]
fn blocks_have_the_size_that_was_asked_for_and_keep_it() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let small = Small::new();
    let _ = small.create("web", &["--block-size", "1M"]).run().expect_done();
    assert_eq!(blocks(&small), "1048576");
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    put(&small.mnt("web").join("etc/motd"), b"edited", 0o644);
    small.refused(&["livenet", "resize", "web", "auto", "--block-size", "64K"], 5, "is mounted");
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    assert_eq!(blocks(&small), "1048576", "an edit keeps them");
    let _ = small.run(&["livenet", "resize", "web", "auto", "--block-size", "64K"]).expect_done();
    assert_eq!(blocks(&small), "65536");
    small.refused(&["livenet", "resize", "web", "auto", "--block-size", "4K"], 2, "4K");
    let _ = small.create("usual", &[]).run().expect_done();
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    let _ = small.run(&["clone", "usual", "web"]).expect_done();
    assert_eq!(blocks(&small), "131072");
}
