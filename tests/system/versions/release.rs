//! Versions that nodes get by a release, and the way back.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::stage::served;

use super::{edit, listed, states, text_that_nodes_get};
use crate::system::small::{KERNEL, Small, register_kernel};

#[test]
fn rollback_gives_nodes_what_they_got_before_byte_for_byte() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let first = served(&small.root, "web");
    edit(&small, "web", "two", &[]);
    let second = served(&small.root, "web");
    assert_eq!(text_that_nodes_get(&small, "web"), "two");
    let _ = small.run(&["rollback", "web"]).expect_done().expect_said("web@1");
    assert!(served(&small.root, "web") == first);
    assert_eq!(states(&small, "web"), listed(&[(2, "older"), (1, "current")]));
    // The one before is the one that it came from.
    let _ = small.run(&["rollback", "web"]).expect_done().expect_said("web@2");
    assert!(served(&small.root, "web") == second);
    let _ = small.run(&["rollback", "web", "1"]).expect_done();
    let _ = small.run(&["release", "web"]).expect_done().expect_said("web@2");
    assert!(served(&small.root, "web") == second);
    let _ = small.run(&["release", "web@2"]).expect_done();
    let _ = small.run(&["verify", "web"]).expect_done();
    // The current one is not removed, and the command that is told leads to another one.
    let told = small.run(&["remove", "web@2", "--yes"]).expect_code(5);
    assert!(told.stderr.contains("release web@1\n"), "{told}");
    let _ = small.run(&["release", "web@1"]).expect_done();
    let _ = small.run(&["release", "web@2"]).expect_done();
    // What is edited goes on from what nodes get.
    let _ = small.run(&["rollback", "web", "1"]).expect_done();
    edit(&small, "web", "three", &[]);
    assert_eq!(states(&small, "web"), listed(&[(3, "current"), (2, "older"), (1, "older")]));
    assert_eq!(text_that_nodes_get(&small, "web"), "three");
}

#[test]
fn rollback_brings_back_a_kernel_that_was_removed_meanwhile() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    register_kernel(&small.root, "6.2.0-small");
    let _ = small.run(&["kernel", "set", "web", "6.2.0-small"]).expect_done();
    let _ = small.run(&["kernel", "remove", KERNEL, "--yes"]).expect_done();
    let _ = small.run(&["rollback", "web"]).expect_done();
    let shown = small.run(&["--format", "json", "show", "web"]).expect_done().json();
    assert_eq!(shown["image"]["attributes"]["kernel"], format!("vmlinuz-{KERNEL}"));
    let _ = small.run(&["verify", "web"]).expect_done();
}

#[test]
fn hold_makes_a_version_that_nodes_do_not_get_until_its_release() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let before = served(&small.root, "web");
    edit(&small, "web", "held", &["--hold"]);
    assert!(served(&small.root, "web") == before, "nodes get something else");
    assert_eq!(states(&small, "web"), listed(&[(2, "held"), (1, "current")]));
    let _ = small.run(&["verify", "web"]).expect_done();
    let _ = small.run(&["release", "web"]).expect_done().expect_said("web@2");
    assert_eq!(text_that_nodes_get(&small, "web"), "held");
    assert_eq!(states(&small, "web"), listed(&[(2, "current"), (1, "older")]));
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn going_back_takes_no_time_however_large_an_image_is() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let noise = format!("of={}", small.tree.join("srv/noise"));
    let _ = small.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=300"]).run().expect_done();
    let _ = small.create("web", &[]).run().expect_done();
    edit(&small, "web", "two", &[]);
    let hashing = std::time::Instant::now();
    let _ = small.root.tool("sha256sum", &[small.squashfs("web")]).run().expect_done();
    let hashing = hashing.elapsed();
    let best = (0..6).map(|_| small.run(&["rollback", "web"]).expect_done().took).min().unwrap();
    // Beside a look at all of its bytes in the same run.
    assert!(best * 4 < hashing, "rollback took {best:?}, hashing {hashing:?}");
}
