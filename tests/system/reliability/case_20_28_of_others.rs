//! Given links and mounts of others where the program works: never followed, never emptied, named in the refusal, and gone
//! on from where they are taken away.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};

use camino::{Utf8Path, Utf8PathBuf};

use disklessset_tests::canary::Canary;
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, warmed_up};
use disklessset_tests::strace;

const NOBODY: u32 = 65534;

fn with_canary() -> (TestRoot, Canary) {
    let root = warmed_up(&["demo"]);
    let canary = Canary::plant(&root.beside().join("canary"));
    (root, canary)
}

fn workdir(root: &TestRoot) -> Utf8PathBuf {
    root.path().join("var/tmp/diskless/workdir")
}

#[test]
fn case_28_a_work_area_that_somebody_planted_is_moved_aside() {
    disklessset_tests::need!(need::root());
    let (root, canary) = with_canary();
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    // As on every server: open to all, sticky. The first to come makes the directory, or something else.
    let tmp = root.path().join("var/tmp");
    std::fs::remove_dir_all(tmp.join("diskless")).unwrap();
    std::fs::set_permissions(&tmp, Permissions::from_mode(0o1777)).unwrap();
    std::fs::create_dir_all(canary.path().join("workdir/a")).unwrap();
    let canary = Canary::plant(&canary.path().join("workdir/a/precious"));
    symlink(root.beside().join("canary"), tmp.join("diskless")).unwrap();
    lchown(tmp.join("diskless"), Some(NOBODY), Some(NOBODY)).unwrap();
    let told = root.disklessset(&["demo", "create", "b"]).run().expect_done();
    let _ = told.expect_said("another user").expect_said("var/tmp/diskless");
    let commands: [&[&str]; 4] = [
        &["demo", "message", "a", "new"],
        &["clone", "a", "c"],
        &["remove", "c", "--yes"],
        &["clear", "b", "--yes"],
    ];
    for command in commands {
        let done = root.disklessset(command).run().expect_done();
        assert!(!done.stderr.contains("another user"), "told again: {done}");
        canary.assert_untouched();
    }
    assert_eq!(root.status("a").as_deref(), Some("CREATED"));
}

#[test]
fn case_28_a_link_in_the_place_of_an_image_s_work_area_is_refused_and_cleared_as_a_link() {
    let (root, canary) = with_canary();
    symlink(canary.path(), workdir(&root).join("b")).unwrap();
    let before = Snapshot::of(&root);
    let _ = root.disklessset(&["demo", "create", "b"]).run().expect_code(5).expect_said("workdir/b");
    before.assert_same_as_now(&root);
    canary.assert_untouched();
    let _ = root.disklessset(&["clear", "b", "--yes"]).run().expect_done();
    assert!(workdir(&root).join("b").symlink_metadata().is_err());
    canary.assert_untouched();
}

#[test]
fn case_28_links_inside_what_is_removed_are_removed_as_links() {
    let (root, canary) = with_canary();
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    symlink(canary.path(), root.image_dir("a").join("link")).unwrap();
    symlink(canary.path().join("precious"), root.image_dir("a").join("deep-link")).unwrap();
    let _ = root.disklessset(&["demo", "message", "a", "new"]).run().expect_done();
    let _ = root.disklessset(&["remove", "a", "--yes"]).run().expect_done();
    assert!(root.images().is_empty());
    canary.assert_untouched();
}

/// A directory of the server, shown inside one of an image's.
fn bound(canary: &Canary, inside: &Utf8Path) -> Mounted {
    let at = inside.join("of-the-server");
    std::fs::create_dir_all(&at).unwrap();
    Mounted::bind(canary.path(), &at)
}

#[test]
fn case_20_an_image_with_a_mount_inside_stays_in_service_until_it_is_unmounted() {
    disklessset_tests::need!(need::root());
    let (root, canary) = with_canary();
    let before = Snapshot::of(&root);
    for place in [root.image_dir("a"), workdir(&root).join("a")] {
        for command in ["remove", "clear"] {
            let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
            let mounted = bound(&canary, &place);
            let with_mount = Snapshot::of(&root);
            let refused = root.disklessset(&[command, "a", "--yes"]).run().expect_code(5);
            let _ = refused.expect_said(mounted.at().as_str());
            with_mount.assert_same_as_now(&root);
            canary.assert_untouched();
            assert_eq!(root.status("a").as_deref(), Some("CREATED"));
            drop(mounted);
            let _ = root.disklessset(&[command, "a", "--yes"]).run().expect_done();
            before.assert_same_as_now(&root);
        }
    }
    canary.assert_untouched();
}

#[test]
fn case_20_a_corrupted_image_with_a_mount_inside_is_not_cleaned_until_it_is_unmounted() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let (root, canary) = with_canary();
    let before = Snapshot::of(&root);
    let stage = Stage::of(&root);
    let create = || root.disklessset(&["demo", "create", "b"]);
    let (_, points) = strace::record(&root, create());
    let published = points.iter().position(|point| point.name == "renameat2").expect("it is published");
    // While it is made in private, and just after it was published.
    for (point, place) in [
        (published, Place::Private),
        (published, Place::WorkArea),
        (published + 1, Place::Served),
        (published + 1, Place::WorkArea),
    ] {
        stage.restore();
        let _ = strace::killed_at(create(), &points[point]).run();
        assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"));
        let mounted = bound(&canary, &place.of(&root));
        for command in [&["clean", "--yes"][..], &["clean", "b", "--yes"], &["clear", "b", "--yes"]] {
            let refused = root.disklessset(command).run().expect_code(5);
            let _ = refused.expect_said(mounted.at().as_str());
            canary.assert_untouched();
            assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"), "{place:?}");
        }
        // Other images are no concern of it.
        let other = root.disklessset(&["demo", "create", "c"]).run().expect_done();
        let _ = other.expect_said(mounted.at().as_str());
        let _ = root.disklessset(&["remove", "c", "--yes"]).run().expect_done();
        drop(mounted);
        let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
        let left = before.differences(&Snapshot::of(&root));
        assert!(left.is_empty(), "{place:?}:\n{left}");
    }
    canary.assert_untouched();
}

/// Directories of an image that is being made.
#[derive(Debug, Clone, Copy)]
enum Place {
    Private,
    Served,
    WorkArea,
}

impl Place {
    fn of(self, root: &TestRoot) -> Utf8PathBuf {
        let images = root.image_dir("b").parent().expect("it has one").to_owned();
        match self {
            Self::Served => root.image_dir("b"),
            Self::WorkArea => workdir(root).join("b"),
            Self::Private => {
                let found = images.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
                let private =
                    |path: &Utf8PathBuf| path.file_name().is_some_and(|name| name.starts_with(".new-b-"));
                found.into_iter().find(private).expect("a private directory")
            }
        }
    }
}
