//! Versions that cannot be had: not there, not named so, or not as they were published.

use std::os::unix::fs::{FileExt, MetadataExt};

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::edit;
use crate::system::small::{Small, put};

#[test]
fn a_root_image_that_somebody_wrote_to_is_named_and_is_not_released_and_the_others_are_whole() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    edit(&small, "web", "two", &[]);
    let file = std::fs::File::options().write(true).open(small.squashfs("web")).unwrap();
    file.write_all_at(b"broken", 4096).unwrap();
    drop(file);
    let told = small.run(&["verify", "web"]).expect_code(1);
    assert!(told.stdout.contains("squashfs.img is not as it was published"), "{told}");
    let linked = small.squashfs("web").metadata().unwrap().nlink() > 1;
    assert_eq!(told.stdout.contains("web@2: squashfs.img"), linked, "{told}");
    if linked {
        // The command that is told leads to what is whole.
        assert!(told.stdout.contains("release web@1; if the change is meant"), "{told}");
    }
    let _ = small.run(&["release", "web@1"]).expect_done();
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    if linked {
        let before = Snapshot::of(&small.root);
        for words in [
            &["release", "web@2"][..],
            &["release", "web@2", "--dry-run"],
            &["clone", "web@2", "new"],
            &["prove", "web@2"],
        ] {
            let _ = small.run(words).expect_code(1).expect_said("damaged");
        }
        before.assert_same_as_now(&small.root);
        let _ = small.run(&["remove", "web@2", "--yes"]).expect_done();
        let _ = small.run(&["verify", "web"]).expect_done();
    }
}

#[test]
fn versions_that_are_not_there_or_have_no_such_name_are_refused_and_change_nothing() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let before = Snapshot::of(&small.root);
    for (code, words) in [
        (3, &["release", "web@7"][..]),
        (3, &["release", "web@none"]),
        (3, &["show", "web@7"]),
        (3, &["prove", "web@7"]),
        (3, &["clone", "web@7", "new"]),
        (3, &["remove", "web@7", "--yes"]),
        (3, &["tag", "web@7", "x"]),
        (3, &["tag", "web", "x", "--delete"]),
        (3, &["versions", "nobody"]),
        (3, &["release", "nobody"]),
        (2, &["release", "web@0"]),
        (2, &["release", "web@01"]),
        (2, &["release", "web@"]),
        (2, &["release", "web@a/b"]),
        (2, &["release", "web@1@1"]),
        (2, &["release", "../web@1"]),
        (2, &["release", "web@current"]),
        (2, &["tag", "web", "7"]),
        (2, &["tag", "web", "current"]),
        (2, &["tag", "web", "a b"]),
        (2, &["tag", "web", "a\nb"]),
        (2, &["rollback", "web@1", "1"]),
        (2, &["remove", "web", "web@1", "--yes"]),
        (5, &["rollback", "web"]),
        (5, &["remove", "web@1", "--yes"]),
    ] {
        let told = small.run(words).expect_code(code);
        assert!(told.stderr.lines().filter(|line| line.starts_with("error: ")).count() == 1, "{told}");
    }
    before.assert_same_as_now(&small.root);
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    edit_mounted(&small);
    for words in [&["release", "web@2"][..], &["release", "web@2", "--dry-run"]] {
        let _ = small.run(words).expect_refusal(&[3, 5]);
    }
    let _ = small.run(&["livenet", "unmount", "web", "--discard"]).expect_done();
}

fn edit_mounted(small: &Small) {
    put(&small.mnt("web").join("etc/motd"), b"edited", 0o644);
}
