//! Given somebody who exchanges directories for links to a tree of the server while they are deleted: that tree survives, every time.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::canary::Canary;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::warmed_up;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with};

/// Directories beside each other in what is deleted.
const WIDTH: usize = 60;

/// A tree in which each directory has the names that the canary has.
fn plant(top: &Utf8Path) {
    for number in 0..WIDTH {
        let dir = top.join(format!("d{number}"));
        for name in ["deep/er/.hidden", "deep/empty", "precious"] {
            std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
            std::fs::File::create(dir.join(name)).unwrap();
        }
    }
}

/// Exchanges the directories of every tree below some places for links, and back, until told to stop; how often it did.
fn swap(places: &[Utf8PathBuf], links: &Utf8Path, over: &AtomicBool) -> u64 {
    let mut swapped = 0;
    while !over.load(Ordering::Relaxed) {
        let found = places.iter().filter_map(|place| place.read_dir_utf8().ok());
        let found: Vec<_> = found.flatten().flatten().map(|entry| entry.path().join("planted")).collect();
        for top in found {
            for number in (0..WIDTH).rev() {
                let (dir, link) = (top.join(format!("d{number}")), links.join(format!("l{number}")));
                let exchange =
                    || renameat_with(CWD, dir.as_std_path(), CWD, link.as_std_path(), RenameFlags::EXCHANGE);
                if exchange().is_ok() {
                    swapped += 1;
                    let _ = exchange();
                }
                // One level deeper, without going through a link ourselves.
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::PATH;
                if let Ok(dir) = rustix::fs::open(dir.as_std_path(), flags, Mode::empty()) {
                    let _ = renameat_with(&dir, "deep", CWD, link.as_std_path(), RenameFlags::EXCHANGE);
                }
            }
        }
    }
    swapped
}

/// The links that directories are exchanged for, on the same file system.
fn make_links(root: &TestRoot, canary: &Canary) -> Utf8PathBuf {
    let links = root.path().join("links");
    let _ = std::fs::remove_dir_all(&links);
    std::fs::create_dir(&links).unwrap();
    for number in 0..WIDTH {
        symlink(canary.path(), links.join(format!("l{number}"))).unwrap();
    }
    links
}

fn rounds(count: usize) {
    disklessset_tests::need!(need::root());
    let root = warmed_up(&["demo"]);
    let canary = Canary::plant(&root.beside().join("canary"));
    let images = root.image_dir("a").parent().unwrap().to_owned();
    let work = root.path().join("var/tmp/diskless/workdir");
    let swapped = AtomicU64::new(0);
    let mut refused = 0;
    for round in 0..count {
        let links = make_links(&root, &canary);
        // An image that is removed, and what a killed creation left.
        let (name, command) = if round % 2 == 0 {
            let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
            plant(&root.image_dir("a").join("planted"));
            ("a", ["remove", "a", "--yes"])
        } else {
            let _ = root.disklessset(&["demo", "create", "b", "--crash"]).run();
            plant(&work.join("b/planted"));
            ("b", ["clean", "b", "--yes"])
        };
        let over = AtomicBool::new(false);
        let places = [images.clone(), work.clone()];
        let outcome = std::thread::scope(|scope| {
            let swapping = scope.spawn(|| swap(&places, &links, &over));
            let outcome = root.disklessset(&command).run();
            over.store(true, Ordering::Relaxed);
            swapped.fetch_add(swapping.join().unwrap(), Ordering::Relaxed);
            outcome
        });
        canary.assert_untouched();
        if !outcome.status.success() {
            refused += 1;
            let _ = outcome.expect_refusal(&[1, 5]);
        }
        // Left alone, it comes to its end.
        let _ = root.disklessset(&["list"]).run().expect_done();
        let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
        if root.status(name).is_some() {
            let _ = root.disklessset(&["remove", name, "--yes"]).run().expect_done();
        }
        canary.assert_untouched();
        // Where trees of packages are kept is a standing directory.
        let all = places.iter().flat_map(|place| place.read_dir_utf8().unwrap().flatten());
        let left: Vec<_> = all.filter(|entry| entry.file_name() != ".bases").collect();
        assert!(left.is_empty(), "left after round {round}: {left:?}");
    }
    let swapped = swapped.into_inner();
    assert!(swapped > count as u64, "only {swapped} exchanges in {count} rounds, {refused} of them refused");
}

#[test]
fn case_28_directories_swapped_for_links_while_they_are_deleted() {
    rounds(16);
}

#[test]
fn case_28_directories_swapped_for_links_many_times() {
    disklessset_tests::need!(need::full());
    rounds(120);
}
