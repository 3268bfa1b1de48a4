//! Trees made from others, on the file systems where that goes differently: nothing is lost, what can be shared is, and what is not a
//! tree's own stays out.

mod comparison;
mod sharing;

use std::ffi::CStr;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::trees::{Method, Wanted, choose, copy_tree, make_root};
use disklessset_plugin_api::ErrorKind;
use disklessset_plugin_api::testing::TestHost;
use disklessset_tests::loop_disk::{Disk, LoopDisk, tool};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::root::TestRoot;
use disklessset_tests::tree_facts::TreeFacts;
use disklessset_tests::{hostile_tree, need};
use rustix::fs::{AtFlags, CWD, IFlags, Timespec, Timestamps, XattrFlags};

use super::small::put;

const TOOLS: [&str; 6] = ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "btrfs", "setfacl", "setcap"];

/// Whether a test that needs these file systems can run.
#[track_caller]
fn needs() -> need::Verdict {
    let tools = TOOLS.map(need::tool);
    let known = std::fs::read_to_string("/proc/filesystems").unwrap();
    match Disk::ALL.iter().find(|disk| !known.lines().any(|line| line.ends_with(&format!("\t{disk}")))) {
        Some(disk) => need::skip(&format!("this kernel does not know {disk}")),
        None if tools.contains(&need::Verdict::Skip) => need::Verdict::Skip,
        None => need::root(),
    }
}

fn disk(root: &TestRoot, kind: Disk) -> LoopDisk {
    LoopDisk::new(&root.beside(), kind, 600).unwrap()
}

/// What the methods are that a disk has.
fn methods(kind: Disk) -> &'static [Method] {
    match kind {
        Disk::Ext4 => &[Method::Copy],
        Disk::Xfs => &[Method::Reflink, Method::Copy],
        Disk::Btrfs => &[Method::Snapshot, Method::Reflink, Method::Copy],
    }
}

/// The hostile tree on a disk.
fn hostile(on: &LoopDisk, test: &TestHost) -> Utf8PathBuf {
    let tree = on.path().join("tree");
    make_root(&tree, &test.host("Test")).unwrap();
    hostile_tree::fill(&tree);
    tree
}

#[track_caller]
fn same(before: &TreeFacts, after: &TreeFacts, what: &str) {
    let differences = before.differences(after);
    assert!(differences.is_empty(), "{what}: {} differ:\n{}", differences.len(), differences.join("\n"));
}

fn set_attribute(path: &Utf8Path, name: &CStr, value: &[u8]) {
    rustix::fs::lsetxattr(path.as_std_path(), name, value, XattrFlags::empty()).unwrap();
}

fn set_flag(path: &Utf8Path, flag: IFlags) {
    let file = std::fs::File::open(path).unwrap();
    rustix::fs::ioctl_setflags(&file, rustix::fs::ioctl_getflags(&file).unwrap() | flag).unwrap();
}

#[test]
fn a_hostile_tree_is_the_same_after_every_way() {
    need!(needs());
    let root = TestRoot::bare();
    let test = TestHost::new();
    let host = test.host("Test");
    for kind in Disk::ALL {
        let disk = disk(&root, kind);
        let tree = hostile(&disk, &test);
        if kind == Disk::Btrfs {
            // Files that are not copied on write share only with their like.
            let logs = tree.join("var/not-copied-on-write");
            std::fs::create_dir(&logs).unwrap();
            put(&logs.join("before"), &[7; 9000], 0o644);
            set_flag(&logs, IFlags::NOCOW);
            put(&logs.join("after"), &[7; 9000], 0o644);
        }
        // What the directory above gives to all new ones is not the copy's.
        tool("setfacl", &["-d", "-m", "u:99:rwx", disk.path().as_str()]).unwrap();
        std::fs::set_permissions(disk.path(), PermissionsExt::from_mode(0o2775)).unwrap();
        lchown(disk.path(), None, Some(4321)).unwrap();
        std::fs::set_permissions(disk.path(), PermissionsExt::from_mode(0o2775)).unwrap();
        let fresh = disk.path().join("fresh");
        make_root(&fresh, &host).unwrap();
        let meta = std::fs::metadata(&fresh).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid()), (0o755, 0, 0), "{kind}");
        assert!(TreeFacts::of(&fresh).unwrap().entries.values().all(|entry| entry.attributes.is_empty()));
        disk.flush().unwrap();
        let before = TreeFacts::of(&tree).unwrap();
        for method in methods(kind) {
            let copy = disk.path().join(format!("by-{method}"));
            let made = copy_tree(&tree, &copy, *method, &host).unwrap();
            assert_eq!((made.method, made.lost), (*method, Vec::new()), "{kind} {method}");
            if *method != Method::Snapshot {
                assert_eq!(made.entries, before.entries.len() as u64, "{kind} {method}");
            }
            same(&before, &TreeFacts::of(&copy).unwrap(), &format!("{kind} {method}"));
            same(&before, &TreeFacts::of(&tree).unwrap(), &format!("{kind} {method}: the original"));
            // A copy is a tree like the first.
            let again = disk.path().join(format!("again-{method}"));
            copy_tree(&copy, &again, *method, &host).unwrap();
            same(&before, &TreeFacts::of(&again).unwrap(), &format!("{kind} {method}: a copy of the copy"));
        }
    }
    assert_eq!(test.warnings(), [] as [String; 0]);
}

#[test]
fn a_hostile_tree_is_the_same_on_another_file_system() {
    need!(needs());
    let root = TestRoot::bare();
    let (ext4, btrfs, test) = (disk(&root, Disk::Ext4), disk(&root, Disk::Btrfs), TestHost::new());
    let host = test.host("Test");
    let tree = hostile(&ext4, &test);
    ext4.flush().unwrap();
    let before = TreeFacts::of(&tree).unwrap();
    let (there, back) = (btrfs.path().join("there"), ext4.path().join("back"));
    copy_tree(&tree, &there, Method::Copy, &host).unwrap();
    same(&before, &TreeFacts::of(&there).unwrap(), "ext4 to btrfs");
    copy_tree(&there, &back, Method::Copy, &host).unwrap();
    same(&before, &TreeFacts::of(&back).unwrap(), "and back");

    // What only one file system has is said.
    set_attribute(&there.join("srv"), c"btrfs.compression", b"zstd");
    let copied = copy_tree(&there, &ext4.path().join("said"), Method::Copy, &host).unwrap();
    assert_eq!(copied.lost, ["the attribute btrfs.compression of srv"]);
    assert!(
        test.warnings().iter().any(|line| line.contains("btrfs.compression of srv")),
        "{:?}",
        test.warnings()
    );

    // What a user has put there and cannot be kept is an error, with the name.
    set_attribute(&there.join("etc/passwd"), c"user.too-large", &[7; 9000]);
    let error = copy_tree(&there, &ext4.path().join("fails"), Method::Copy, &host).unwrap_err();
    assert_eq!(error.message, format!("cannot set the attribute user.too-large of {there}/etc/passwd"));
    assert!(error.causes[0].contains("No space left"), "{error:?}");
}

#[test]
fn what_is_mounted_inside_stays_out() {
    need!(needs());
    let root = TestRoot::bare();
    let test = TestHost::new();
    let host = test.host("Test");
    let precious = root.beside().join("precious");
    put(&precious.join("canary"), b"the server's own", 0o600);
    std::fs::set_permissions(&precious, PermissionsExt::from_mode(0o710)).unwrap();
    for kind in Disk::ALL {
        let disk = disk(&root, kind);
        let tree = disk.path().join("tree");
        make_root(&tree, &host).unwrap();
        put(&tree.join("etc/resolv.conf"), b"the tree's own", 0o644);
        std::fs::create_dir_all(tree.join("mnt/deep")).unwrap();
        // From another file system, and from the same, where the device is no hint.
        let directory = Mounted::bind(&precious, &tree.join("mnt/deep"));
        let file = Mounted::bind(&precious.join("canary"), &tree.join("etc/resolv.conf"));
        std::fs::create_dir(tree.join("srv")).unwrap();
        let same = Mounted::bind(&tree.join("etc"), &tree.join("srv"));
        for method in methods(kind) {
            let copy = disk.path().join(format!("by-{method}"));
            copy_tree(&tree, &copy, *method, &host).unwrap();
            for empty in ["mnt/deep", "srv"] {
                let inside = std::fs::read_dir(copy.join(empty)).unwrap().count();
                assert_eq!(inside, 0, "{kind} {method}: {empty}");
            }
            let resolver = std::fs::read(copy.join("etc/resolv.conf")).unwrap();
            assert!(resolver != b"the server's own", "{kind} {method}");
            if *method != Method::Snapshot {
                assert_eq!(std::fs::metadata(copy.join("mnt/deep")).unwrap().mode() & 0o7777, 0o710);
                let said = test.lines().into_iter().map(|line| line.1).collect::<Vec<_>>().join("\n");
                assert!(said.contains("what is mounted inside was left out:"), "{said}");
            }
        }
        drop((same, file, directory));
    }
}

#[test]
fn a_copy_stops_when_the_user_wants_it_to() {
    need!(needs());
    let root = TestRoot::bare();
    let (disk, test) = (disk(&root, Disk::Ext4), TestHost::new());
    let tree = hostile(&disk, &test);
    // Enough to take a while: the wish to stop comes before the end.
    let file = std::fs::File::create_new(tree.join("filler")).unwrap();
    for at in 0..200 {
        file.write_all_at(&vec![1; 1 << 20], at << 20).unwrap();
    }
    test.interrupt();
    let begun = Instant::now();
    let stopped = copy_tree(&tree, &disk.path().join("copy"), Method::Copy, &test.host("Test")).unwrap_err();
    assert_eq!(stopped.kind, ErrorKind::INTERRUPTED);
    assert!(begun.elapsed().as_secs() < 5);
}

#[test]
fn a_copy_inside_its_original_is_refused_wherever_it_is_seen_from() {
    need!(needs());
    let root = TestRoot::bare();
    let test = TestHost::new();
    let host = test.host("Test");
    let (tree, elsewhere) = (root.beside().join("tree"), root.beside().join("elsewhere"));
    put(&tree.join("etc/passwd"), b"root:x:0:0::/root:/bin/sh\n", 0o644);
    std::fs::create_dir(&elsewhere).unwrap();
    let bound = Mounted::bind(&tree, &elsewhere);
    for source in [tree.as_path(), bound.at()] {
        let target = tree.join("etc/copy");
        let refused = copy_tree(source, &target, Method::Copy, &host).unwrap_err();
        assert_eq!(refused.causes, ["the copy would lie inside the tree"], "{refused:?}");
        std::fs::remove_dir(&target).unwrap();
    }
    // What is mounted inside is no part of it.
    let disk = disk(&root, Disk::Ext4);
    std::fs::create_dir(tree.join("var")).unwrap();
    let inside = Mounted::bind(disk.path(), &tree.join("var"));
    let copied = copy_tree(&tree, &tree.join("var/copy"), Method::Reflink, &host).unwrap();
    assert_eq!(copied.entries, 4);
    assert_eq!(std::fs::read_dir(tree.join("var/copy/var")).unwrap().count(), 0);
    drop(inside);
    // Sharing that is not possible is not claimed.
    assert_eq!(copied.method, Method::Copy);
}

#[test]
fn a_full_disk_is_an_error_that_names_a_file() {
    need!(needs());
    let root = TestRoot::bare();
    let (disk, test) = (disk(&root, Disk::Ext4), TestHost::new());
    let tree = hostile(&disk, &test);
    let filler = std::fs::File::create_new(disk.path().join("filler")).unwrap();
    let full = (0..).find(|at| filler.write_all_at(&vec![1; 1 << 20], at << 20).is_err()).unwrap();
    filler.set_len((full - 8) << 20).unwrap();
    disk.flush().unwrap();
    let full = copy_tree(&tree, &disk.path().join("copy"), Method::Copy, &test.host("Test")).unwrap_err();
    assert!(full.message.starts_with("cannot ") && full.message.contains(&format!(" {tree}/")), "{full:?}");
    assert!(full.causes[0].contains("No space left"), "{full:?}");
}
