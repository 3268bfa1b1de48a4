//! Given CTRL+C, `kill`, or a terminal that is closed, in the middle of every action that changes something: it is taken back by itself
//! and told by the exit code, or it was done.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::{Duration, Instant};

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run;
use disklessset_tests::strace;
use nix::sys::signal::kill;

use super::case_08_signals::{SIGNALS, program};
use crate::system::nfs::Nfs;
use crate::system::small::{KERNEL, Small, put, register_kernel};

/// An action, what makes it possible again when it was done, and files whose content may differ when it was taken back.
struct Action<'a> {
    command: &'a [&'a str],
    again: &'a [&'a [&'a str]],
}

/// Sends a signal some time into each action, and sees that the world is as before unless the action says that it was done.
#[track_caller]
fn signalled(root: &TestRoot, actions: &[Action<'_>]) {
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    let moments: u32 = if full { 9 } else { 1 };
    let mut taken_back = 0;
    for (number, Action { command, again }) in actions.iter().enumerate() {
        for moment in 0..moments {
            let (signal, code) = SIGNALS[(number + moment as usize) % SIGNALS.len()];
            let before = Snapshot::of(root);
            let slow = strace::slow_at_durable_steps(root.disklessset(command), Duration::from_millis(60));
            let (running, pid) = slow.start().wait_until(|| program(root));
            std::thread::sleep(Duration::from_millis(250) + Duration::from_millis(370) * moment);
            // It may have ended by itself.
            let _ = kill(pid, signal);
            let ended = running.wait();
            if ended.status.success() {
                for command in *again {
                    let _ = root.disklessset(command).run().expect_done();
                }
                continue;
            }
            let ended = ended.expect_code(code).expect_said("interrupted");
            let now = Snapshot::of(root);
            let left = before.differences(&now);
            // What an image that stays mounted keeps on record goes on.
            let left: Vec<_> =
                left.lines().filter(|line| !line.contains("~ var/lib/diskless/journal/")).collect();
            assert!(left.is_empty(), "{signal} after {moment} gave {ended}\n{}", left.join("\n"));
            taken_back += 1;
        }
    }
    assert!(
        taken_back >= actions.len() / 2,
        "only {taken_back} of {} actions were taken back",
        actions.len()
    );
}

const OTHER: &str = "6.1.0-other";

#[test]
fn case_08_actions_on_livenet_images_and_kernels() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = Small::new();
    register_kernel(&small.root, OTHER);
    let _ = small.create("web", &["--layout", "classic"]).run().expect_done();
    let mnt = small.mounted("edited", &[]);
    put(&mnt.join("etc/motd"), b"edited", 0o644);
    let source = format!("tree:{}", small.tree);
    let kernel = small.root.beside().join("vmlinuz-6.1.0-new");
    put(&kernel, b"kernel", 0o644);
    let create = ["livenet", "create", "new", "--kernel", OTHER, "--source", &source];
    let edit = ["livenet", "exec", "web", "--", "/bin/sh", "-c", "echo x >>/etc/motd"];
    signalled(
        &small.root,
        &[
            Action { command: &create, again: &[&["remove", "new", "--yes"]] },
            Action { command: &["clone", "web", "copy"], again: &[&["remove", "copy", "--yes"]] },
            Action {
                command: &["livenet", "mount", "web"],
                again: &[&["livenet", "unmount", "web", "--discard", "--yes"]],
            },
            Action {
                command: &["livenet", "resize", "web", "500M"],
                again: &[&["livenet", "resize", "web", "auto"]],
            },
            Action { command: &edit, again: &[] },
            Action {
                command: &["livenet", "unmount", "edited"],
                again: &[
                    &["livenet", "mount", "edited"],
                    &["livenet", "exec", "edited", "--", "/bin/sh", "-c", "echo y >>/etc/motd"],
                ],
            },
            Action { command: &["kernel", "set", "web", OTHER], again: &[&["kernel", "set", "web", KERNEL]] },
            Action {
                command: &["kernel", "add", "--vmlinuz", kernel.as_str()],
                again: &[&["kernel", "remove", "6.1.0-new", "--yes"]],
            },
            Action { command: &["remove", "web", "--yes"], again: &[&["clone", "edited", "web"]] },
        ],
    );
    let _ = small.run(&["livenet", "unmount", "edited", "--discard", "--yes"]);
    Snapshot::assert_nothing_held(&small.root);
    let _ = small.run(&["list"]).expect_done();
}

#[test]
fn case_08_actions_on_nfs_images_and_nodes() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("strace"));
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-2]"]);
    nfs.done(&["nfs", "export", "st", "--client", "*"]);
    let source = format!("tree:{}", nfs.tree);
    let staging = ["nfs", "create-staging", "new", "--kernel", KERNEL, "--source", &source];
    signalled(
        &nfs.root,
        &[
            Action { command: &staging, again: &[&["remove", "new", "--yes"]] },
            Action {
                command: &["nfs", "create-golden", "h", "--from", "st"],
                again: &[&["remove", "h", "--yes"]],
            },
            Action { command: &["clone", "g", "h"], again: &[&["remove", "h", "--yes"]] },
            Action {
                command: &["nfs", "nodes", "add", "g", "d1"],
                again: &[&["nfs", "nodes", "remove", "g", "d1", "--yes"]],
            },
            Action {
                command: &["nfs", "nodes", "remove", "g", "c2", "--yes"],
                again: &[&["nfs", "nodes", "add", "g", "c2"]],
            },
            Action { command: &["nfs", "export", "g", "--client", "*"], again: &[&["nfs", "unexport", "g"]] },
            Action {
                command: &["nfs", "unexport", "st"],
                again: &[&["nfs", "export", "st", "--client", "*"]],
            },
        ],
    );
    Snapshot::assert_nothing_held(&nfs.root);
    nfs.done(&["list"]);
}

#[test]
fn case_08_changes_of_modules() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("strace"));
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let built = run::built_module("tuned");
    let install = ["module", "install", built.as_str()];
    let _ = root.disklessset(&install).run().expect_done();
    let _ = root.disklessset(&["module", "remove", "tuned", "--yes"]).run().expect_done();
    signalled(
        &root,
        &[
            Action { command: &install, again: &[&["module", "remove", "tuned", "--yes"]] },
            Action { command: &["demo", "message", "a", "new"], again: &[&["demo", "message", "a", "old"]] },
            Action { command: &["remove", "a", "--yes"], again: &[&["demo", "create", "a"]] },
        ],
    );
}

#[test]
fn case_08_a_terminal_that_is_closed() {
    disklessset_tests::need!(need::root(), need::tool("script"));
    let small = Small::new();
    let noise = format!("of={}", small.tree.join("srv/noise"));
    let _ = small.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=120"]).run().expect_done();
    let before = Snapshot::of(&small.root);
    // The program in a terminal that another holds, who goes: as a lost connection, or a window that is closed.
    let line = format!(
        "exec '{}' --root '{}' --modules-dir '{}' livenet create web --kernel {KERNEL} --source 'tree:{}'",
        run::disklessset(),
        small.root.path(),
        small.root.modules_dir(),
        small.tree
    );
    let holder = small.root.tool("script", &["--quiet", "--command", &line, "/dev/null"]).start();
    let (holder, _) = holder.wait_until(|| small.root.tool_at_work("mksquashfs"));
    assert!(program(&small.root).is_some());
    let _ = holder.kill_nine();
    let asked = Instant::now();
    while program(&small.root).is_some() {
        assert!(asked.elapsed() < run::LIMIT, "it goes on without its terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
    before.assert_same_as_now(&small.root);
    assert!(small.root.processes().is_empty(), "{:?}", small.root.processes());
}
