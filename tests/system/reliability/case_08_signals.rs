//! Given CTRL+C, `kill` or a lost terminal in the middle of something: taken back by itself, and told by the exit code.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run;
use disklessset_tests::stage::{Stage, served, warmed_up};
use disklessset_tests::strace;

pub(super) const SIGNALS: [(Signal, i32); 3] =
    [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)];

/// The program itself among the processes of a root: strace, in front of it, is not.
pub(super) fn program(root: &TestRoot) -> Option<Pid> {
    let file = run::disklessset();
    let found = root.processes().into_iter().find(|(_, line)| line.starts_with(file.as_str()))?;
    Some(Pid::from_raw(found.0))
}

/// Sends signals to a command at several places, and asserts that it either is taken back or has done what it says.
#[track_caller]
fn interrupt(command: &[&str], image: &str, every: usize) {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a", "--message", "old"]).run().expect_done();
    let stage = Stage::of(&root);
    let (before, old) = (Snapshot::of(&root), served(&root, image));
    let (unharmed, points) = strace::record(&root, root.disklessset(command));
    let _ = unharmed.expect_done();
    let after = Snapshot::of(&root);
    let mut taken_back = 0;
    // Before its first change it may die of the signal like any program.
    for (number, point) in points.iter().enumerate().skip(1).step_by(every) {
        let (signal, code) = SIGNALS[number / every % SIGNALS.len()];
        stage.restore();
        // It stands still before the call, gets the signal there, and goes on.
        let slow = strace::slow_at(root.disklessset(command), point, Duration::from_millis(500));
        let (running, pid) = slow.start().wait_until(|| program(&root));
        std::thread::sleep(Duration::from_millis(250));
        kill(pid, signal).unwrap_or_else(|cause| panic!("no {signal} at {point}: {cause}"));
        let ended = running.wait();
        let now = Snapshot::of(&root);
        if ended.status.success() {
            // What tells of versions is another one each time.
            let differences = after.clone().overlooking(&[]).differences(&now.overlooking(&[]));
            assert!(differences.is_empty(), "{signal} at {point} gave {ended}\n{differences}");
        } else {
            let ended = ended.expect_code(code).expect_said("interrupted");
            let differences = before.differences(&now);
            assert!(differences.is_empty(), "{signal} at {point} gave {ended}\n{differences}");
            assert_eq!(served(&root, image), old);
            taken_back += 1;
        }
        assert!(root.processes().is_empty(), "{:?}", root.processes());
    }
    assert!(taken_back > 2, "only {taken_back} were taken back");
}

#[test]
fn case_08_a_creation_is_taken_back() {
    interrupt(&["demo", "create", "b"], "b", 9);
}

#[test]
fn case_08_a_creation_is_taken_back_wherever() {
    disklessset_tests::need!(need::full());
    interrupt(&["demo", "create", "b"], "b", 1);
}

#[test]
fn case_08_a_clone_is_taken_back_wherever() {
    disklessset_tests::need!(need::full());
    interrupt(&["clone", "a", "b"], "b", 1);
}
