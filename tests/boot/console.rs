//! Given a person at a terminal who proves an image with `--console`: they log in on its machine, look around and leave.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::terminal::Terminal;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::livenet::{PATIENCE, unpack, world};
use super::nfs::{nothing_held, put};

const PASSWORD: &str = "look-around-7";
/// What a terminal's settings are shown between.
const SETTINGS: &str = "settings: ";

/// An image whose root has a password.
fn with_password(root: &TestRoot) {
    let unpacked = tempfile::tempdir_in(root.beside()).unwrap();
    let source = unpack(root, &unpacked);
    let file = root.beside().join("password");
    put(&file, PASSWORD, 0o600);
    let create = ["livenet", "create", "visited", "--kernel", "from-image", "--source", &source];
    let create = [&create[..], &["--password-file", file.as_str()]].concat();
    let _ = root.disklessset(&create).limit(PATIENCE).run().expect_done();
}

/// A proof in a terminal that shows its settings before and after it.
#[track_caller]
fn visit(root: &TestRoot) -> (Terminal, String) {
    let around = "echo \"settings: $(stty -g)\"; \"$@\"; code=$?; echo \"settings: $(stty -g)\"; exit $code";
    let proof = root.disklessset(&["prove", "visited", "--console"]).behind("sh", &["-c", around, "sh"]);
    let mut terminal = Terminal::open(proof, PATIENCE);
    terminal.see(SETTINGS);
    let before = terminal.see("\n").trim().to_owned();
    terminal.see("connected to the console of prove: CTRL+] leaves it");
    terminal.see("prove login: ");
    (terminal, before)
}

#[track_caller]
fn log_in(terminal: &mut Terminal) {
    terminal.answer("root");
    terminal.see("Password: ");
    terminal.answer(PASSWORD);
    terminal.see("prove:~# ");
    // What is shown is what the machine makes of it, not an echo.
    terminal.answer("echo in-$((6 * 7))-$(hostname)");
    terminal.see("in-42-prove");
}

/// That the proof ended with `code`, the terminal as before and nothing running.
#[track_caller]
fn over(root: &TestRoot, mut terminal: Terminal, before: &str, code: i32) {
    terminal.see(SETTINGS);
    assert_eq!(terminal.see("\n").trim(), before, "the terminal is not as it was");
    assert_eq!(terminal.end().1, code);
    nothing_held(root);
}

#[test]
fn a_person_logs_in_looks_around_and_leaves_and_the_machine_is_gone() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::full()
    );
    let root = world();
    with_password(root);

    let (mut terminal, before) = visit(root);
    log_in(&mut terminal);
    // CTRL+C is the machine's.
    terminal.answer("sleep 1000");
    terminal.see("sleep 1000");
    terminal.interrupt();
    // What is typed before the shell is back is lost with what it interrupted.
    terminal.see("prove:~# ");
    terminal.answer("echo still-$((1 + 1))");
    terminal.see("still-2");
    terminal.press_control(']');
    terminal.see("left the console");
    over(root, terminal, &before, 0);

    let (mut terminal, before) = visit(root);
    log_in(&mut terminal);
    terminal.answer("systemctl poweroff");
    terminal.see("the machine has switched itself off");
    over(root, terminal, &before, 0);

    let (mut terminal, before) = visit(root);
    log_in(&mut terminal);
    let program = root.tool_at_work("disklessset").unwrap();
    kill(Pid::from_raw(program), Signal::SIGTERM).unwrap();
    over(root, terminal, &before, 143);
    let _ = root.disklessset(&["remove", "visited", "--yes"]).run().expect_done();
}

#[test]
fn a_console_without_a_terminal_or_for_several_machines_is_refused() {
    let root = TestRoot::bare();
    let console = ["prove", "web01", "--console"];
    let without = root.disklessset(&console).limit(Duration::from_secs(20)).run();
    let _ = without.expect_code(5).expect_said("prove --console needs a terminal");
    let several = [&console[..], &["--node", "c1", "--node", "c2"]].concat();
    let _ = root.disklessset(&several).run().expect_code(2).expect_said("--console takes one machine");
}
