//! Given a power failure right after an action has reported its success: the file behind the file system is copied then, and the copy is
//! mounted later. All that the action made is in it, on each kind of file system, and it can be worked with.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::facts::{FileFacts, files_below};
use disklessset_tests::loop_disk::{Disk, LoopDisk, tool};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use crate::system::small::{KERNEL, kernels, make_tree, put, register_kernel};

/// Another registered kernel.
const OTHER: &str = "6.1.0-other";
/// One with modules, more than are flushed one by one.
const ADDED: &str = "6.2.0-added";

/// What nobody is promised to find again: locks, logs, and what is edited.
const NOT_PROMISED: [&str; 4] = ["run", "var/log", "var/tmp/diskless/workdir", "var/lib/diskless/blobs"];

type Seen = BTreeMap<PathBuf, FileFacts>;

/// Options that keep a file system from writing by itself.
fn lazy(kind: Disk) -> &'static str {
    match kind {
        Disk::Ext4 => "remount,commit=300,noauto_da_alloc",
        Disk::Btrfs => "remount,commit=300",
        Disk::Xfs => "remount",
    }
}

#[track_caller]
fn remount(disk: &LoopDisk, options: &str) {
    let _ = tool("mount", &["-o", options, disk.path().as_str()]).unwrap();
}

/// A root on a disk that writes nothing by itself, and the copies of its file.
struct Filmed {
    root: TestRoot,
    kind: Disk,
    frames: Vec<(String, Utf8PathBuf, Seen)>,
    disk: Option<(Mounted, LoopDisk)>,
}

impl Filmed {
    #[track_caller]
    fn new(kind: Disk) -> Self {
        let root = TestRoot::with_modules(&["demo", "livenet", "nfs"]);
        let place = root.beside().join("disk");
        std::fs::create_dir(&place).unwrap();
        let disk = LoopDisk::new(&place, kind, if kind == Disk::Ext4 { 96 } else { 340 }).unwrap();
        remount(&disk, lazy(kind));
        let bound = Mounted::bind(disk.path(), &root.path());
        let filmed = Self { root, kind, frames: Vec::new(), disk: Some((bound, disk)) };
        let _ = filmed.root.disklessset(&["demo", "create", "warm-up"]).run().expect_done();
        for version in [KERNEL, OTHER] {
            std::fs::create_dir_all(kernels(&filmed.root)).unwrap();
            register_kernel(&filmed.root, version);
        }
        filmed
    }

    fn file(&self) -> &Utf8Path {
        self.disk.as_ref().unwrap().1.file()
    }

    fn seen(&self) -> Seen {
        let promised = |path: &PathBuf| !NOT_PROMISED.iter().any(|other| path.starts_with(other));
        let all = files_below(&self.root.path()).unwrap().into_iter();
        let untimed = |facts: FileFacts| FileFacts { changed: (0, 0), ..facts };
        all.filter(|(path, _)| promised(path)).map(|(path, facts)| (path, untimed(facts))).collect()
    }

    /// Runs an action on a disk that has all that was there before, and has the power fail when it has ended.
    #[track_caller]
    fn act(&mut self, args: &[&str]) {
        let disk = &self.disk.as_ref().unwrap().1;
        if self.kind == Disk::Btrfs {
            // Only what commits cleans up after deleted subvolumes, which is waited for.
            remount(disk, "remount,commit=1");
        }
        let _ = disk.used().unwrap();
        remount(disk, lazy(self.kind));
        let _ = self.root.disklessset(args).run().expect_done();
        let frame = self.root.beside().join(format!("frame-{}", self.frames.len()));
        let _ = tool("cp", &["--sparse=always", self.file().as_str(), frame.as_str()]).unwrap();
        let seen = self.seen();
        self.frames.push((args.join(" "), frame, seen));
    }

    /// Looks at all copies, the disk itself being gone: a file system that is mounted cannot be mounted twice everywhere.
    #[track_caller]
    fn look(mut self) {
        drop(self.disk.take());
        let path = self.root.path();
        let options = if self.kind == Disk::Xfs { "loop,noatime,nouuid" } else { "loop,noatime" };
        for (action, frame, before) in &self.frames {
            let _ = tool("mount", &["-o", options, frame.as_str(), path.as_str()]).unwrap();
            let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let now = self.seen();
                let lost: Vec<_> =
                    before.iter().filter(|(path, facts)| now.get(*path) != Some(*facts)).collect();
                assert!(
                    lost.is_empty(),
                    "{}: after {action:?} these are lost or others: {lost:?}",
                    self.kind
                );
                let more: Vec<_> = now.keys().filter(|path| !before.contains_key(*path)).collect();
                assert!(more.is_empty(), "{}: after {action:?} these are there again: {more:?}", self.kind);
                let _ = self.root.disklessset(&["list"]).run().expect_done();
                let _ = self.root.disklessset(&["clean", "--yes"]).run().expect_done();
            }));
            let _ = tool("umount", &[path.as_str()]).unwrap();
            std::fs::remove_file(frame).unwrap();
            looked.unwrap_or_else(|cause| std::panic::resume_unwind(cause));
        }
    }
}

/// All that changes something, one after the other.
#[track_caller]
fn every_success(kind: Disk) {
    let mut filmed = Filmed::new(kind);
    let beside = filmed.root.beside().to_owned();
    let (tree, vmlinuz, modules) =
        (beside.join("tree"), beside.join(format!("vmlinuz-{ADDED}")), beside.join("modules"));
    make_tree(&filmed.root, &tree);
    put(&vmlinuz, b"kernel", 0o644);
    put(&modules.join(ADDED).join("modules.dep"), b"kernel/0.ko:\n", 0o644);
    for number in 0..100 {
        put(&modules.join(ADDED).join(format!("kernel/{number}.ko")), &[7; 5000], 0o644);
    }
    let source = format!("tree:{tree}");
    let edit = ["--", "/bin/sh", "-c", "echo edited > /etc/motd"];
    let add = ["kernel", "add", "--vmlinuz", vmlinuz.as_str(), "--modules", modules.as_str()];
    let livenet =
        ["livenet", "create", "web", "--kernel", KERNEL, "--source", &source, "--layout", "classic"];
    let staging = ["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source];
    let exec = [&["livenet", "exec", "web"], &edit[..]].concat();
    let exec_nfs = [&["nfs", "exec", "st"], &edit[..]].concat();
    let all: [&[&str]; 27] = [
        &add,
        &["verify", "--kernel", ADDED, "--record"],
        &["demo", "create", "a"],
        &["demo", "message", "a", "new"],
        &["clone", "a", "b"],
        &["clear", "b", "--yes"],
        &livenet,
        &exec,
        &["livenet", "resize", "web", "200M"],
        &["livenet", "mount", "web"],
        &exec,
        &["livenet", "unmount", "web", "--compression", "gzip"],
        &["kernel", "set", "web", OTHER],
        &["clone", "web", "web2"],
        &["remove", "web2", "--yes"],
        &staging,
        &exec_nfs,
        &["clone", "st", "st2"],
        &["nfs", "create-golden", "g", "--from", "st"],
        &["nfs", "nodes", "add", "g", "n[1-3]"],
        &["nfs", "export", "g", "--client", "10.0.0.0/8"],
        &["nfs", "nodes", "remove", "g", "n1", "--yes"],
        &["clone", "g", "g2"],
        &["nfs", "unexport", "g"],
        &["remove", "g", "--yes"],
        &["kernel", "remove", ADDED, "--yes"],
        &["remove", "web", "--yes"],
    ];
    all.into_iter().for_each(|action| filmed.act(action));
    filmed.look();
}

#[test]
fn case_13_34_all_is_there_after_every_success_on_ext4() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    every_success(Disk::Ext4);
}

#[test]
fn case_13_34_all_is_there_after_every_success_on_xfs() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.xfs"), need::full());
    every_success(Disk::Xfs);
}

#[test]
fn case_13_34_all_is_there_after_every_success_on_btrfs() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.btrfs"), need::full());
    every_success(Disk::Btrfs);
}
