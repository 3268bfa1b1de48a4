//! Trees made from others, on the file systems where that goes differently: nothing is lost, what can be shared is, and what is not a
//! tree's own stays out.

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

/// A change, the path it changes, and what the comparison has to say of it.
type Change = (&'static str, &'static str, fn(&Utf8Path));

fn set_times(path: &Utf8Path, accessed: i64, modified: i64) {
    let time = |tv_nsec| Timespec { tv_sec: 1_000_000_000, tv_nsec };
    let times = Timestamps { last_access: time(accessed), last_modification: time(modified) };
    rustix::fs::utimensat(CWD, path.as_std_path(), &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn set_attribute(path: &Utf8Path, name: &CStr, value: &[u8]) {
    rustix::fs::lsetxattr(path.as_std_path(), name, value, XattrFlags::empty()).unwrap();
}

fn set_flag(path: &Utf8Path, flag: IFlags) {
    let file = std::fs::File::open(path).unwrap();
    rustix::fs::ioctl_setflags(&file, rustix::fs::ioctl_getflags(&file).unwrap() | flag).unwrap();
}

/// One change of each kind. The comparison names the attribute after the path, so that a change that is seen for another is not
/// taken for seen.
const CHANGES: &[Change] = &[
    ("etc/passwd", "mode", |path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o4644)).unwrap()),
    ("usr/bin/su", "mode", |path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o0755)).unwrap()),
    ("tmp", "mode", |path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap()),
    ("", "mode", |path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap()),
    ("etc/passwd", "owner", |path| lchown(path, Some(1), None).unwrap()),
    ("etc/link", "owner", |path| lchown(path, None, Some(1)).unwrap()),
    ("dev/null", "owner", |path| lchown(path, Some(1), None).unwrap()),
    ("etc/passwd", "size", |path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(3).unwrap();
    }),
    ("etc/shadow", "accessed", |path| set_times(path, 5, 7)),
    ("etc/shadow", "modified", |path| set_times(path, 5, 8)),
    ("usr", "modified", |path| set_times(path, 5, 8)),
    ("etc/dangling", "modified", |path| set_times(path, 5, 8)),
    ("usr/lib/large", "digest", |path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(b"?", 8_999_999).unwrap();
    }),
    ("var/holes/hole-last", "data", |path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(&[0; 4096], 65_536).unwrap();
    }),
    ("etc/link", "target", |path| {
        std::fs::remove_file(path).unwrap();
        symlink("shadow", path).unwrap();
    }),
    ("dev/null", "device", |path| {
        std::fs::remove_file(path).unwrap();
        tool("mknod", &[path.as_str(), "c", "1", "5"]).unwrap();
    }),
    ("dev/disk", "kind", |path| {
        std::fs::remove_file(path).unwrap();
        tool("mknod", &[path.as_str(), "c", "1", "5"]).unwrap();
    }),
    ("etc/attributes", "attribute user.text", |path| set_attribute(path, c"user.text", b"other")),
    ("etc/attributes", "attribute user.empty", |path| {
        rustix::fs::lremovexattr(path.as_std_path(), c"user.empty").unwrap();
    }),
    ("etc/attributes", "attribute security.own", |path| set_attribute(path, c"security.own", b"other")),
    ("etc", "attribute user.new", |path| set_attribute(path, c"user.new", b"")),
    ("etc/dangling", "attribute trusted.of-a-link", |path| set_attribute(path, c"trusted.of-a-link", b"no")),
    ("usr/bin/ping", "attribute security.capability", |path| {
        tool("setcap", &["cap_net_raw+ep", path.as_str()]).map(drop).unwrap();
    }),
    ("var/shared/after", "attribute system.posix_acl_access", |path| {
        tool("setfacl", &["-m", "u:12345:r--", path.as_str()]).map(drop).unwrap();
    }),
    ("var/shared", "attribute system.posix_acl_default", |path| {
        tool("setfacl", &["-k", path.as_str()]).map(drop).unwrap();
    }),
    ("usr/bin/su-again", "names", |path| {
        std::fs::copy(path, path.with_extension("new")).unwrap();
        std::fs::rename(path.with_extension("new"), path).unwrap();
    }),
    // Another of its names, the first, becomes a file of its own.
    ("usr/bin/su", "same_as", |path| {
        let other = path.parent().unwrap().join("../../sbin/deep/down/su");
        std::fs::copy(path, other.with_extension("new")).unwrap();
        std::fs::rename(other.with_extension("new"), other).unwrap();
    }),
    ("etc/empty", "immutable", |path| set_flag(path, IFlags::IMMUTABLE)),
    ("srv", "append_only", |path| set_flag(path, IFlags::APPEND)),
    ("tmp", "missing", |path| std::fs::remove_dir(path).unwrap()),
    ("var/new", "added", |path| std::fs::create_dir(path).unwrap()),
];

#[test]
fn the_comparison_sees_every_attribute_that_changes() {
    need!(needs());
    let root = TestRoot::bare();
    let (disk, test) = (disk(&root, Disk::Ext4), TestHost::new());
    let tree = hostile(&disk, &test);
    let mut before = TreeFacts::of(&tree).unwrap();
    same(&before, &TreeFacts::of(&tree).unwrap(), "looking twice");
    assert!(before.entries.len() > 3000);
    for (path, what, change) in CHANGES {
        let place = if path.is_empty() { tree.clone() } else { tree.join(path) };
        change(&place);
        let after = TreeFacts::of(&tree).unwrap();
        let differences = before.differences(&after);
        let expected = format!("{path:?}: {what}");
        assert!(
            differences.iter().any(|line| line.starts_with(&expected)),
            "{expected} was not seen in {differences:?}"
        );
        before = after;
    }
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
        rustix::fs::sync();
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
    rustix::fs::sync();
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
fn a_shared_tree_takes_no_blocks_and_is_a_tree_of_its_own() {
    need!(needs(), need::tool("filefrag"));
    let root = TestRoot::bare();
    let test = TestHost::new();
    let host = test.host("Test");
    for kind in [Disk::Xfs, Disk::Btrfs] {
        let disk = disk(&root, kind);
        let (tree, copy) = (disk.path().join("tree"), disk.path().join("copy"));
        make_root(&tree, &host).unwrap();
        for number in 0..60_u32 {
            put(&tree.join(format!("usr/{number}")), &number.to_le_bytes().repeat(250_000), 0o644);
        }
        let before = disk.used().unwrap();
        assert!(before > 60_000_000);
        copy_tree(&tree, &copy, Method::Reflink, &host).unwrap();
        let grown = disk.used().unwrap().saturating_sub(before);
        assert!(grown < 3 << 20, "{kind}: 60 MB shared took {grown} bytes");
        let extents = tool("filefrag", &["-v", copy.join("usr/7").as_str()]).unwrap();
        assert!(extents.contains("shared"), "{kind}: {extents}");

        std::fs::OpenOptions::new()
            .write(true)
            .open(copy.join("usr/7"))
            .unwrap()
            .write_all_at(b"new", 5)
            .unwrap();
        let original = std::fs::read(tree.join("usr/7")).unwrap();
        assert_eq!(original, 7_u32.to_le_bytes().repeat(250_000), "{kind}: both changed");

        // Who asks for a copy gets blocks of its own.
        let before = disk.used().unwrap();
        copy_tree(&tree, &disk.path().join("own"), Method::Copy, &host).unwrap();
        let grown = disk.used().unwrap().saturating_sub(before);
        assert!(grown > 55_000_000, "{kind}: a copy of 60 MB took only {grown} bytes");
    }
}

#[test]
fn a_snapshot_of_fifteen_thousand_files_takes_no_time() {
    need!(needs());
    let root = TestRoot::bare();
    let (disk, test) = (disk(&root, Disk::Btrfs), TestHost::new());
    let host = test.host("Test");
    let tree = disk.path().join("tree");
    make_root(&tree, &host).unwrap();
    for number in 0..15_000 {
        put(&tree.join(format!("usr/{}/{number}", number % 300)), b"some text", 0o644);
    }
    rustix::fs::sync();
    let times = (0..20).map(|number| {
        let begun = Instant::now();
        copy_tree(&tree, &disk.path().join(format!("node{number}")), Method::Snapshot, &host).unwrap();
        begun.elapsed().as_millis()
    });
    // Other tests run beside this one: the best of some tells what it costs.
    let best = times.min().unwrap();
    assert!(best < 50, "{best} ms");
    assert!(disk.path().join("node4/usr/299/14999").exists());
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
fn the_best_way_that_works_is_chosen_and_another_is_refused_with_the_reason() {
    need!(needs());
    let root = TestRoot::bare();
    let test = TestHost::new();
    let host = test.host("Test");
    let disks = Disk::ALL.map(|kind| disk(&root, kind));
    let place = |disk: &LoopDisk| {
        let (tree, beside) = (disk.path().join("tree"), disk.path().join("beside"));
        make_root(&tree, &host).unwrap();
        put(&tree.join("etc/passwd"), b"root:x:0:0::/root:/bin/sh\n", 0o644);
        std::fs::create_dir(&beside).unwrap();
        (tree, beside)
    };
    let [ext4, xfs, btrfs] = disks.each_ref().map(place);
    let auto = |(tree, beside): &(Utf8PathBuf, Utf8PathBuf)| {
        let choice = choose(tree, beside, Wanted::Auto, &host).unwrap();
        assert_eq!(std::fs::read_dir(beside).unwrap().count(), 0, "something was left in {beside}");
        choice
    };
    let only = |method, tree: &Utf8Path, beside: &Utf8Path| {
        let error = choose(tree, beside, Wanted::Only(method), &host).unwrap_err();
        assert_eq!(std::fs::read_dir(beside).unwrap().count(), 0, "something was left in {beside}");
        assert_eq!(error.message, format!("cannot make trees from {tree} in {beside} by {method}"));
        error.causes.join(" ")
    };

    let choice = auto(&ext4);
    assert_eq!(choice.method, Method::Copy);
    assert!(
        choice.why.contains("no snapshot: ") && choice.why.contains("is not on btrfs but on ext4"),
        "{choice:?}"
    );
    assert!(choice.why.contains("no reflink: the file system ext4 cannot share data"), "{choice:?}");
    assert!(only(Method::Snapshot, &ext4.0, &ext4.1).contains("is not on btrfs"));
    assert!(only(Method::Reflink, &ext4.0, &ext4.1).contains("cannot share data"));
    let choice = auto(&xfs);
    assert_eq!(choice.method, Method::Reflink);
    assert!(choice.why.contains("but on xfs") && !choice.why.contains("reflink"), "{choice:?}");
    assert!(only(Method::Reflink, &ext4.0, &xfs.1).contains("are different file systems"));
    assert_eq!(auto(&btrfs).method, Method::Snapshot);
    for disk in [&ext4, &xfs, &btrfs] {
        assert_eq!(choose(&disk.0, &disk.1, Wanted::Only(Method::Copy), &host).unwrap().method, Method::Copy);
    }
    assert_eq!(choose(&ext4.0, &btrfs.1, Wanted::Auto, &host).unwrap().method, Method::Copy);

    // What a snapshot would lose, and what is no subvolume.
    let (tree, beside) = &btrfs;
    tool("btrfs", &["subvolume", "create", tree.join("var").as_str()]).unwrap();
    tool("btrfs", &["subvolume", "create", tree.join("var/deep").as_str()]).unwrap();
    put(&tree.join("var/deep/file"), b"in a subvolume inside", 0o644);
    let why = only(Method::Snapshot, tree, beside);
    assert!(why.contains("would not have the subvolumes inside it: ") && why.contains("tree/var"), "{why}");
    let refused = copy_tree(tree, &disks[2].path().join("node"), Method::Snapshot, &host).unwrap_err();
    assert!(refused.causes.join(" ").contains("subvolumes inside it"), "{refused:?}");
    let choice = auto(&btrfs);
    assert!(choice.method == Method::Reflink && choice.why.contains("inside it"), "{choice:?}");
    let copy = disks[2].path().join("copy");
    copy_tree(tree, &copy, Method::Reflink, &host).unwrap();
    assert!(copy.join("var/deep/file").exists(), "a subvolume inside is part of the tree");
    let why = only(Method::Snapshot, &tree.join("etc"), beside);
    assert!(why.contains("is a directory and no btrfs subvolume"), "{why}");
}

#[test]
fn without_btrfs_progs_data_is_shared_and_the_reason_is_said() {
    need!(needs());
    let root = TestRoot::bare();
    let (disk, test) = (disk(&root, Disk::Btrfs), TestHost::new());
    let host = test.host("Test");
    let (tree, plain) = (disk.path().join("tree"), disk.path().join("plain"));
    make_root(&tree, &host).unwrap();
    put(&tree.join("etc/passwd"), b"root:x:0:0::/root:/bin/sh\n", 0o644);
    test.take_away("btrfs");
    let choice = choose(&tree, disk.path(), Wanted::Auto, &host).unwrap();
    assert_eq!(choice.method, Method::Reflink);
    assert!(
        choice.why.starts_with("no snapshot: the program btrfs of the package btrfs-progs"),
        "{choice:?}"
    );
    let refused = choose(&tree, disk.path(), Wanted::Only(Method::Snapshot), &host).unwrap_err();
    assert!(refused.causes[0].contains("btrfs-progs"), "{refused:?}");
    copy_tree(&tree, &plain, Method::Reflink, &host).unwrap();
    assert!(std::fs::metadata(&plain).unwrap().ino() != 256, "a directory became a subvolume");
    let said = test.lines().into_iter().map(|line| line.1).collect::<Vec<_>>().join("\n");
    assert!(said.contains(&format!("{plain} becomes a plain directory and no btrfs subvolume")), "{said}");
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
    rustix::fs::sync();
    let full = copy_tree(&tree, &disk.path().join("copy"), Method::Copy, &test.host("Test")).unwrap_err();
    assert!(full.message.starts_with("cannot ") && full.message.contains(&format!(" {tree}/")), "{full:?}");
    assert!(full.causes[0].contains("No space left"), "{full:?}");
}
