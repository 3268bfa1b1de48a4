//! Given a kernel as that of Enterprise Linux 8 is (4.18): without pidfd_open (5.3), openat2 (5.6) and what came later. All goes on by other
//! calls.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::Program;

use super::nfs::Nfs;
use super::small::{KERNEL, Small, put};

const MISSING: &str = "pidfd_open,pidfd_send_signal,openat2,close_range,clone3,faccessat2,fsopen,fsmount,\
     move_mount,open_tree,mount_setattr";

/// The program, and all that it runs, on such a kernel.
fn on_old_kernel(program: Program) -> Program {
    let calls: String = MISSING.split_whitespace().collect();
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:error=ENOSYS"));
    program
        .behind("strace", &["-f", "-qq", "-e", "signal=none", "-o", "/dev/null", "-e", &trace, "-e", &inject])
}

#[test]
fn an_old_kernel_makes_and_mounts_images() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("strace"));
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    let _ = on_old_kernel(small.create("web", &["--layout", "classic"])).run().expect_done();
    let _ = on_old_kernel(small.root.disklessset(&["livenet", "mount", "web"])).run().expect_done();
    put(&small.mnt("web").join("etc/motd"), b"edited", 0o644);
    // In the mounted image, and in one that is mounted for the command and packed again.
    let exec = |text: &str| {
        let script = format!("test -c /dev/null && : >/dev/shm/x && echo {text} >>/etc/motd");
        let command = ["livenet", "exec", "web", "--", "/bin/sh", "-c", &script];
        let _ = on_old_kernel(small.root.disklessset(&command)).run().expect_done();
    };
    exec("inside");
    let _ = on_old_kernel(small.root.disklessset(&["livenet", "unmount", "web"])).run().expect_done();
    exec("again");
    let failed = ["livenet", "exec", "web", "--", "/bin/sh", "-c", "exit 7"];
    let _ = on_old_kernel(small.root.disklessset(&failed)).run().expect_code(7);
    let _ = on_old_kernel(small.root.disklessset(&["livenet", "resize", "web", "auto"])).run().expect_done();
    let motd = std::fs::read_to_string(small.unpacked("web").join("etc/motd")).unwrap();
    assert_eq!(motd, "editedinside\nagain\n");
    let _ = on_old_kernel(small.root.disklessset(&["remove", "web", "--yes"])).run().expect_done();
    before.assert_same_as_now(&small.root);
}

#[test]
fn an_old_kernel_copies_trees_of_nfs_images() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let nfs = Nfs::new();
    let source = format!("tree:{}", nfs.tree);
    for command in [
        &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source][..],
        &["nfs", "create-golden", "g", "--from", "st", "--method", "copy"],
        &["nfs", "nodes", "add", "g", "c1", "--method", "copy"],
        &["nfs", "exec", "st", "--", "/bin/sh", "-c", "echo edited >/etc/motd"],
        &["nfs", "exec", "g", "--node", "c1", "--", "/bin/sh", "-c", "test -c /dev/null"],
        &["remove", "g", "--yes"],
        &["remove", "st", "--yes"],
    ] {
        let _ = on_old_kernel(nfs.root.disklessset(command)).run().expect_done();
    }
    Snapshot::assert_nothing_held(&nfs.root);
}
