//! Given a power failure: the file behind a file system is copied again and again while an action runs slowly on it, and every copy is
//! mounted. Each shows the old state or the new one; what was reported is in the last.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::facts::FileFacts;
use disklessset_tests::loop_disk::{Disk, LoopDisk, tool};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Program;
use disklessset_tests::stage::served;
use disklessset_tests::strace;

use crate::system::small::{KERNEL, make_tree, put, register_kernel};

/// As long as it takes to copy the file on a busy machine.
const STANDSTILL: Duration = Duration::from_millis(100);
const MEBIBYTES: u64 = 40;

/// A file system of its own where the root is. Nothing is written to its file but what is asked for: not after some seconds, and not
/// because a file is renamed over another.
struct Disked {
    _bound: Mounted,
    disk: LoopDisk,
    root: TestRoot,
}

impl Disked {
    #[track_caller]
    fn new(modules: &[&str]) -> Self {
        let root = TestRoot::with_modules(modules);
        let place = root.beside().join("disk");
        std::fs::create_dir(&place).unwrap();
        let disk = LoopDisk::new(&place, Disk::Ext4, MEBIBYTES).unwrap();
        let lazy = "remount,commit=300,noauto_da_alloc";
        let _ = tool("mount", &["-o", lazy, disk.path().as_str()]).unwrap();
        let bound = Mounted::bind(disk.path(), &root.path());
        let disked = Self { _bound: bound, disk, root };
        disked.done(&["demo", "create", "warm-up"]);
        disked.done(&["remove", "warm-up", "--yes"]);
        disked
    }

    #[track_caller]
    fn done(&self, args: &[&str]) {
        let _ = self.root.disklessset(args).run().expect_done();
    }

    /// Has all that was prepared on the disk.
    fn flush(&self) {
        let _ = self.disk.used().unwrap();
    }
}

/// What nodes and users see of an image.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: Option<String>,
    served: BTreeMap<PathBuf, FileFacts>,
}

impl Seen {
    #[track_caller]
    fn of(root: &TestRoot, image: &str) -> Self {
        Self { status: root.status(image), served: served(root, image) }
    }
}

/// Runs an action slowly, and copies the file of the disk whenever it has changed; the last copy is made when the action has reported
/// its success.
#[track_caller]
fn film(disked: &Disked, action: Program) -> Vec<Utf8PathBuf> {
    let mut last = Vec::new();
    let mut frames = Vec::new();
    let mut take = || {
        let now = std::fs::read(disked.disk.file()).unwrap();
        if now != last {
            let frame = disked.root.beside().join(format!("frame-{}", frames.len()));
            write_sparse(&frame, &now);
            frames.push(frame);
            last = now;
        }
    };
    let (running, ended) =
        (strace::slow_at_durable_steps(action, STANDSTILL).start(), std::cell::Cell::new(false));
    let pid = running.pid();
    while !ended.get() {
        take();
        ended.set(has_ended(pid));
    }
    let _ = running.wait().expect_done();
    take();
    frames
}

/// Whether our child has nothing more to do; it has not been waited for.
fn has_ended(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

fn write_sparse(to: &Utf8Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::create_new(to).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (number, block) in
        bytes.chunks(4096).enumerate().filter(|(_, block)| block.iter().any(|byte| *byte != 0))
    {
        file.write_all_at(block, number as u64 * 4096).unwrap();
    }
}

/// Shows a copy of the disk where the disk is.
#[track_caller]
fn shown<T>(root: &TestRoot, frame: &Utf8Path, look: impl FnOnce() -> T) -> T {
    let path = root.path();
    let _ = tool("mount", &["-o", "loop", frame.as_str(), path.as_str()]).unwrap();
    let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(look));
    let _ = tool("umount", &[path.as_str()]).unwrap();
    looked.unwrap_or_else(|cause| std::panic::resume_unwind(cause))
}

/// An action whose world before and after is known exactly.
#[track_caller]
fn power_failures(disked: &Disked, image: &str, action: &[&str]) {
    disked.flush();
    let root = &disked.root;
    let (before, old) = (Snapshot::of(root), Seen::of(root, image));
    let frames = film(disked, root.disklessset(action));
    let (after, new) = (Snapshot::of(root), Seen::of(root, image));
    assert_ne!(old, new);
    let (mut olds, mut news) = (0, 0);
    for (number, frame) in frames.iter().enumerate() {
        let last = number + 1 == frames.len();
        shown(root, frame, || {
            let seen = Seen::of(root, image);
            let words = format!("frame {number} of {} shows {seen:?}", frames.len());
            // Of a creation or removal that was under way: it is listed as such, and cleaned.
            let under_way = seen.status.as_deref() == Some("CORRUPTED");
            assert!(under_way || seen == old || seen == new, "neither old nor new: {words}");
            assert!(!last || seen == new, "reported, and not there: {words}");
            let _ = root.disklessset(&["verify"]).run();
            let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
            let cleaned = Seen::of(root, image);
            assert!(cleaned == old || cleaned == new, "{words}\nand cleaned {cleaned:?}");
            assert!(under_way || cleaned == seen || seen == old, "new and old again: {words}");
            let now = Snapshot::of(root);
            let wanted = if cleaned == old { &before } else { &after };
            let left = wanted.differences(&now);
            assert!(left.is_empty(), "{words}\n{left}");
            if cleaned == old { olds += 1 } else { news += 1 }
        });
        std::fs::remove_file(frame).unwrap();
    }
    assert!(olds > 0 && news > 0 && olds + news > 3, "{olds} old and {news} new frames prove little");
}

#[track_caller]
fn needs() -> [need::Verdict; 3] {
    [need::root(), need::tool("strace"), need::tool("mkfs.ext4")]
}

macro_rules! needed {
    () => {
        for verdict in needs() {
            disklessset_tests::need!(verdict);
        }
    };
}

#[test]
fn case_13_power_failures_during_a_creation() {
    needed!();
    let disked = Disked::new(&["demo"]);
    power_failures(&disked, "b", &["demo", "create", "b"]);
}

#[test]
fn case_13_power_failures_during_a_change() {
    needed!();
    let disked = Disked::new(&["demo"]);
    disked.done(&["demo", "create", "a", "--message", "old"]);
    power_failures(&disked, "a", &["demo", "message", "a", "new"]);
}

#[test]
fn case_13_power_failures_during_other_actions() {
    needed!();
    disklessset_tests::need!(need::full());
    let disked = Disked::new(&["demo"]);
    disked.done(&["demo", "create", "a", "--message", "old"]);
    power_failures(&disked, "b", &["clone", "a", "b"]);
    let kernels = disked.root.image_dir("a").join("../../kernels");
    for file in ["vmlinuz-6.1.0-test", "initramfs-kernel-6.1.0-test"] {
        std::fs::copy("/proc/self/cmdline", kernels.join(file)).unwrap();
    }
    power_failures(&disked, "a", &["kernel", "set", "a", "6.1.0-test"]);
    power_failures(&disked, "a", &["remove", "a", "--yes"]);
    power_failures(&disked, "b", &["clear", "b", "--yes"]);
}

#[test]
fn case_13_a_disk_that_lies_is_seen_through() {
    needed!();
    let disked = Disked::new(&["demo"]);
    disked.flush();
    // As if the program asked for nothing to be durable: then nothing is, and the frames of the other tests would show it.
    let _ = strace::with_lying_disk(disked.root.disklessset(&["demo", "create", "b"])).run().expect_done();
    let frame = disked.root.beside().join("frame");
    write_sparse(&frame, &std::fs::read(disked.disk.file()).unwrap());
    shown(&disked.root, &frame, || assert_eq!(disked.root.status("b"), None));
}

/// A disk with a kernel on it, and a tree beside it.
#[track_caller]
fn with_tree(module: &str) -> (Disked, String) {
    let disked = Disked::new(&["demo", module]);
    let tree = disked.root.beside().join("tree");
    make_tree(&disked.root, &tree);
    register_kernel(&disked.root, KERNEL);
    (disked, format!("tree:{tree}"))
}

#[test]
fn case_13_power_failures_during_a_creation_of_a_livenet_image() {
    needed!();
    let (disked, source) = with_tree("livenet");
    power_failures(&disked, "web", &["livenet", "create", "web", "--kernel", KERNEL, "--source", &source]);
}

#[test]
fn case_13_power_failures_while_edits_are_packed() {
    disklessset_tests::need!(disklessset_tests::need::full());
    needed!();
    let (disked, source) = with_tree("livenet");
    let root = &disked.root;
    disked.done(&["livenet", "create", "web", "--kernel", KERNEL, "--source", &source]);
    disked.done(&["livenet", "mount", "web"]);
    let edited = root.path().join("var/tmp/diskless/workdir/web/mnt/etc/motd");
    put(&edited, b"edited", 0o644);
    disked.flush();
    let image = || std::fs::read(root.image_dir("web").join("squashfs.img")).unwrap_or_default();
    let old = image();
    let frames = film(&disked, root.disklessset(&["livenet", "unmount", "web"]));
    let new = image();
    assert_ne!(old, new);
    for (number, frame) in frames.iter().enumerate() {
        shown(root, frame, || {
            let now = image();
            assert!(now == old || now == new, "frame {number} serves neither the old image nor the new one");
            assert!(now == new || number + 1 < frames.len(), "reported, and not there");
            assert_eq!(root.status("web").as_deref(), Some("CREATED"), "frame {number}");
            let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
            // The edits are in the image, or still there to be packed.
            if image() != new {
                let _ = root.disklessset(&["livenet", "unmount", "web"]).run().expect_done();
            }
            let squashfs = root.image_dir("web").join("squashfs.img");
            let motd = root.tool("unsquashfs", &["-cat", squashfs.as_str(), "etc/motd"]).run().expect_done();
            assert_eq!(motd.stdout, "edited", "frame {number} lost the edits");
        });
        std::fs::remove_file(frame).unwrap();
    }
    assert!(frames.len() > 3, "{} frames prove little", frames.len());
}
