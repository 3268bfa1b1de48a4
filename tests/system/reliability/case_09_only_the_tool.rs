//! Given that only the packer or the package manager is killed: the action ends with an error, what nodes are served stays, and edits do.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::{Outcome, Program};
use disklessset_tests::stage::served;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::system::small::{Small, put};

/// Runs something, kills its tool as soon as it is at work, and sees that it is told. A busy machine may look so late
/// that the tool has ended by itself: nothing was lost then, and it is made ready and run once more.
#[track_caller]
fn losing(small: &Small, tool: &str, mut made_ready: impl FnMut(usize) -> Program) -> Outcome {
    for attempt in 0..5 {
        let running = made_ready(attempt).start();
        let outcome = match running.wait_until_or_end(|| small.root.tool_at_work(tool)) {
            Err(outcome) => outcome,
            Ok((running, pid)) => {
                // It may have ended in this moment.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                running.wait()
            }
        };
        if outcome.status.code() != Some(0) {
            return outcome.expect_code(1).expect_said(tool);
        }
    }
    panic!("{tool} ended by itself each time")
}

/// Takes long enough to be packed.
fn with_noise() -> Small {
    let small = Small::new();
    let noise = format!("of={}", small.tree.join("srv/noise"));
    let _ = small.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=100"]).run().expect_done();
    small
}

#[test]
fn case_09_the_packer_of_edits_or_of_another_size() {
    disklessset_tests::need!(need::root());
    for layout in ["flat", "classic"] {
        let small = with_noise();
        let mnt = small.mounted("web", &["--layout", layout]);
        let mut old = None;
        let tools: &[&str] = if layout == "flat" { &["mksquashfs"] } else { &["mkfs.ext4", "mksquashfs"] };
        for tool in tools {
            let _ = losing(&small, tool, |attempt| {
                if attempt > 0 {
                    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
                }
                put(&mnt.join("etc/motd"), b"edited", 0o644);
                old = Some(served(&small.root, "web"));
                small.root.disklessset(&["livenet", "unmount", "web"])
            });
            assert!(Some(served(&small.root, "web")) == old, "{layout}, {tool}: what nodes get has changed");
            assert_eq!(std::fs::read_to_string(mnt.join("etc/motd")).unwrap(), "edited", "{layout}, {tool}");
            assert!(mnt.join("proc/self").exists(), "{layout}, {tool}: it is not mounted as it was");
        }
        let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
        assert_eq!(std::fs::read_to_string(small.unpacked("web").join("etc/motd")).unwrap(), "edited");
        if layout == "classic" {
            for tool in tools {
                let mut before = None;
                let _ = losing(&small, tool, |attempt| {
                    before = Some(Snapshot::of(&small.root));
                    small.root.disklessset(&["livenet", "resize", "web", &format!("{}M", 900 + attempt)])
                });
                before.unwrap().assert_same_as_now(&small.root);
            }
        }
        Snapshot::assert_nothing_held(&small.root);
    }
}

#[test]
fn case_09_the_maker_of_file_systems_of_a_creation() {
    disklessset_tests::need!(need::root());
    let small = with_noise();
    let before = Snapshot::of(&small.root);
    let _ = losing(&small, "mkfs.ext4", |attempt| {
        if attempt > 0 {
            let _ = small.run(&["remove", "web", "--yes"]).expect_done();
        }
        small.create("web", &["--layout", "classic"])
    });
    before.assert_same_as_now(&small.root);
}

#[test]
fn case_09_the_package_manager_of_a_creation() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"));
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    let create = small.create_from("web", "apt", &["--type", "core"]).limit(Duration::from_secs(120)).start();
    let (create, pid) = create.wait_until(|| small.root.tool_at_work("mmdebstrap"));
    // Some way into its work.
    std::thread::sleep(Duration::from_secs(2));
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let _ = create.wait().expect_code(1).expect_said("mmdebstrap");
    before.assert_same_as_now(&small.root);
}
