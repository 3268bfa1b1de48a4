//! Kernels and their modules.

use disklessset_tests::loop_disk::Disk;
use disklessset_tests::need;

use super::super::small::{self, put};
use super::{OnDisk, Trial};

const VERSION: &str = "6.1.0-heavy";

/// A kernel added where the given places have little room.
#[track_caller]
fn added(place: &str, said: &[&str]) {
    let livenet = small::Small::new();
    let given = livenet.root.beside().join("given");
    let modules = given.join("lib/modules").join(VERSION);
    put(&modules.join("modules.dep"), b"", 0o644);
    put(&modules.join("kernel/heavy.ko"), &vec![7; 6 << 20], 0o644);
    let vmlinuz = given.join(format!("vmlinuz-{VERSION}"));
    put(&vmlinuz, &vec![7; 3 << 20], 0o644);
    let disk = OnDisk::new(&livenet.root, &livenet.root.path().join(place), Disk::Ext4, 64);
    let registered = || livenet.run(&["kernel", "list"]).expect_done().stdout.contains(VERSION);
    let trial = Trial {
        root: &livenet.root,
        disk: &disk,
        command: &["kernel", "add", "--vmlinuz", vmlinuz.as_str(), "--modules", given.as_str()],
        ready: &|| {
            if registered() {
                let _ = livenet.run(&["kernel", "remove", VERSION, "--yes"]).expect_done();
            }
        },
        old: &|| assert!(!registered()),
        enough: 12 << 20,
    };
    trial.sweep().at_last(said);
}

#[test]
fn a_kernel_is_registered_whole_or_not_at_all() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    added("", &["cp failed", "need at least"]);
}

#[test]
fn a_kernel_whose_modules_have_no_room_is_not_registered() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    added("var/lib/diskless", &["need at least"]);
}
