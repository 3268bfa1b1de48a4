//! Real tools, really run, killed and left alone.

mod in_a_tree;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::system::test_support::{helper, is_helper, is_root};
use in_a_tree::make_tree;

fn sh<'a>(script: &str) -> Tool<'a> {
    Tool::new("sh").args(["-c", script])
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap().trim_end()
}

/// Processes whose command line has this text in it, zombies left out.
fn processes_with(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(marker) && entry.file_name() != *std::process::id().to_string() {
            found.push(format!("{}: {line}", entry.file_name().display()));
        }
    }
    found
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A length of sleep that no other test uses, to recognise processes by.
fn marker(number: u32) -> String {
    // As long as every other: none is found in another one.
    format!("{}.{number:03}", 3000 + std::process::id() % 100_000)
}

#[test]
fn arguments_arrive_as_they_are_and_nothing_of_the_users_environment_does() {
    let done =
        Tool::new("printf").args(["%s|", "a b", "$HOME;id", "", "-x"]).capture_stdout(100).run().unwrap();
    assert_eq!(text(&done.stdout), "a b|$HOME;id||-x|");
    let done = Tool::new("env").env("GIVEN", "yes").capture_stdout(1000).run().unwrap();
    let mut names: Vec<&str> =
        text(&done.stdout).lines().map(|line| line.split('=').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["DEBCONF_NONINTERACTIVE_SEEN", "DEBIAN_FRONTEND", "GIVEN", "HOME", "LC_ALL", "PATH"]);
}

#[test]
fn a_failure_shows_the_status_and_the_last_lines() {
    let error = sh("seq 1 100; echo no space left >&2; exit 3").run().unwrap_err().to_string();
    assert!(error.starts_with("sh failed: exit status 3\n  | "), "{error}");
    assert!(error.contains("\n  | 100") && error.contains("\n  | no space left"), "{error}");
    assert!(!error.contains("| 80\n"), "too many lines: {error}");
    assert_eq!(sh("exit 3").accept(&[1, 3]).run().unwrap().code, 3);
}

#[test]
fn a_death_by_signal_is_told_as_one() {
    for isolation in [Isolation::Private, Isolation::None] {
        let error = sh("kill -TERM $$").isolation(isolation).run().unwrap_err().to_string();
        assert_eq!(error, "sh failed: killed by SIGTERM");
    }
}

#[test]
fn a_stopped_tool_is_woken_since_nobody_else_could() {
    if !is_root("a_stopped_tool_is_woken_since_nobody_else_could") {
        return;
    }
    let tool = sh("kill -STOP $$; echo awake").time_limit(Duration::from_secs(10)).capture_stdout(100);
    assert_eq!(text(&tool.run().unwrap().stdout), "awake");
}

#[test]
fn a_missing_tool_is_named_with_its_package() {
    let error = Tool::new("no-such-tool").run().unwrap_err().to_string();
    assert_eq!(error, "cannot run no-such-tool: it is not installed");
    let error = Tool::new("/nowhere/mksquashfs").run().unwrap_err().to_string();
    assert_eq!(error, "cannot run mksquashfs: it is not installed (Debian package squashfs-tools)");
    let error = Tool::new("true").current_dir("/nowhere").run().unwrap_err().to_string();
    assert_eq!(error, "cannot start true");
}

#[test]
fn input_and_output_beyond_a_pipes_size_do_not_block_each_other() {
    let data = vec![b'x'; 3 << 20];
    let done = Tool::new("cat").stdin_data(data.clone()).capture_stdout(4 << 20).run().unwrap();
    assert!(done.stdout == data);
    let error = Tool::new("cat").stdin_data(data.clone()).capture_stdout(1 << 20).run().unwrap_err();
    assert!(matches!(error, CommandError::OutputTooLong { limit: 1_048_576, .. }), "{error}");
    Tool::new("true").stdin_data(data).run().unwrap();
    assert_eq!(Tool::new("cat").capture_stdout(10).run().unwrap().stdout, b"");
}

#[test]
fn files_can_be_input_and_output() {
    let mut source = tempfile::tempfile().unwrap();
    source.write_all(b"content").unwrap();
    std::io::Seek::rewind(&mut source).unwrap();
    let sink = tempfile::NamedTempFile::new().unwrap();
    Tool::new("cat").stdin_file(source).stdout_file(sink.reopen().unwrap()).run().unwrap();
    assert_eq!(std::fs::read(sink.path()).unwrap(), b"content");
}

#[test]
fn lines_are_live_and_logged() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut live = Vec::new();
    let begun = Instant::now();
    let mut first = None;
    let mut sink = |line: &str| {
        first.get_or_insert(begun.elapsed());
        live.push(line.to_owned());
    };
    let tool =
        sh("echo out; sleep 1; echo err >&2; printf '1%%\\r2%%'").log_to(log.as_file()).on_line(&mut sink);
    tool.run().unwrap();
    assert!(first.unwrap() < Duration::from_millis(900), "the first line came late");
    assert_eq!(live, ["out", "err", "2%"]);
    let mut logged = String::new();
    log.reopen().unwrap().read_to_string(&mut logged).unwrap();
    assert!(logged.starts_with("+ sh -c \"echo out; sleep 1;"), "{logged}");
    assert!(logged.contains("\n  out\n  err\n  2%\n= exit status 0, 1."), "{logged}");
}

#[test]
fn a_mad_tool_does_not_fill_the_disk_with_its_log() {
    let log = tempfile::NamedTempFile::new().unwrap();
    sh("yes 'a rather long line of output' | head -n 1000000; echo the end")
        .log_to(log.as_file())
        .run()
        .unwrap();
    let logged = std::fs::read_to_string(log.path()).unwrap();
    assert!(logged.len() < 17 << 20, "{} bytes", logged.len());
    assert!(logged.contains("[log cut here: more than 16 MiB"), "the cut is not said");
    assert!(logged.contains("\n  the end\n= exit status 0"), "the last lines are missing");
}

#[test]
fn a_tool_that_takes_too_long_dies_with_its_descendants() {
    let marker = marker(1);
    for isolation in [Isolation::Private, Isolation::None] {
        let script = format!("trap '' TERM; sleep {marker} & echo started; sleep {marker}");
        let begun = Instant::now();
        let tool = sh(&script).isolation(isolation.clone()).time_limit(Duration::from_millis(300));
        let error = tool.run().unwrap_err().to_string();
        assert_eq!(error, "sh was stopped: not done after 0 s\n  | started");
        assert!(begun.elapsed() < Duration::from_secs(6));
        // Without a namespace they are killed, too, but nobody waits for them.
        let patience = Duration::from_millis(if isolation == Isolation::None { 1000 } else { 0 });
        std::thread::sleep(patience);
        assert_eq!(processes_with(&format!("sleep {marker}")), Vec::<String>::new());
    }
}

#[test]
fn ctrl_c_stops_a_tool_that_may_tidy_up() {
    let name = "system::command::tests::ctrl_c_stops_a_tool_that_may_tidy_up";
    let Some(place) = is_helper("interrupt") else {
        let temp = tempfile::tempdir().unwrap();
        let done = helper(name, "interrupt", temp.path().to_str().unwrap()).status().unwrap();
        assert!(done.success());
        assert!(temp.path().join("tidied").exists(), "SIGTERM did not reach the tool");
        return;
    };
    crate::system::interrupt::install().unwrap();
    let marker = marker(2);
    let script = format!("trap 'touch {place}/tidied; exit 1' TERM; sleep {marker} & echo up; wait");
    let mut sink = |_: &str| signal_hook::low_level::raise(signal_hook::consts::SIGINT).unwrap();
    let error = sh(&script).on_line(&mut sink).run().unwrap_err();
    assert_eq!(error.to_string(), "sh was stopped: interrupted by CTRL+C");
    assert_eq!(error.interrupted().unwrap().exit_code(), 130);
    if !rustix::process::geteuid().is_root() {
        // Without a namespace they are killed, too, but nobody waits for them.
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(processes_with(&format!("sleep {marker}")), Vec::<String>::new());
    assert!(
        matches!(Tool::new("true").run(), Err(CommandError::Interrupted { .. })),
        "the next one must not start"
    );
    crate::system::interrupt::reset();
    Tool::new("true").run().unwrap();
}

#[test]
fn a_daemon_does_not_outlive_an_isolated_tool_nor_keep_us_waiting() {
    if !is_root("a_daemon_does_not_outlive_an_isolated_tool_nor_keep_us_waiting") {
        return;
    }
    let marker = marker(3);
    let begun = Instant::now();
    sh(&format!("setsid sleep {marker} & setsid setsid sleep {marker} >/dev/null 2>&1 & exit 0"))
        .run()
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(processes_with(&format!("sleep {marker}")), Vec::<String>::new());
}

#[test]
fn locks_and_other_descriptors_do_not_leak_into_tools() {
    let _open = std::fs::File::open("/etc/passwd").unwrap();
    // In a namespace of its own, process 1 is the init that we leave behind.
    let init = if rustix::process::geteuid().is_root() { "/proc/1/fd" } else { "" };
    let done = sh(&format!("ls -l /proc/self/fd {init}")).capture_stdout(10000).run().unwrap();
    assert!(!text(&done.stdout).contains("/etc/passwd"), "{}", text(&done.stdout));
}

#[test]
fn mounts_of_an_isolated_tool_are_its_own() {
    if !is_root("mounts_of_an_isolated_tool_are_its_own") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let place = temp.path().to_str().unwrap();
    let script =
        format!("mount -t tmpfs none {place} && touch {place}/inside && findmnt -n {place} && echo $$");
    let done = sh(&script).capture_stdout(1000).run().unwrap();
    assert!(text(&done.stdout).contains("tmpfs"));
    let pid: u32 = text(&done.stdout).lines().last().unwrap().parse().unwrap();
    assert!(pid < 50, "pid {pid} is none of a namespace of its own");
    assert_eq!(std::fs::read_dir(place).unwrap().count(), 0);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(place));
}

/// kill -9 of disklessset in the middle of an isolated run: no process, no mount, whatever the tool had started.
#[test]
fn killing_us_leaves_no_process_and_no_mount() {
    let name = "system::command::tests::killing_us_leaves_no_process_and_no_mount";
    if let Some(arguments) = is_helper("killed") {
        let (tree, marker) = arguments.split_once(' ').unwrap();
        let script = format!(
            "mount -t tmpfs none /mnt; setsid sh -c 'cd /mnt; trap \"\" TERM HUP; sleep {marker}' & \
             setsid setsid sleep {marker} </dev/null >/dev/null 2>&1 & echo up >/run/up; sleep {marker}"
        );
        let chroot = Chroot::new(tree).bind("/usr", "/usr", Access::ReadOnly);
        let _ = sh(&script).isolation(Isolation::Chroot(chroot)).run();
        return;
    }
    if !is_root(name) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let tree = make_tree(temp.path().to_str().unwrap());
    for (number, signal) in ["KILL", "KILL", "ABRT"].into_iter().enumerate() {
        let marker = marker(10 + u32::try_from(number).unwrap());
        let sleep = format!("sleep {marker}");
        let mut child = helper(name, "killed", &format!("{tree} {marker}")).spawn().unwrap();
        until("three sleeps run", || {
            processes_with(&sleep).iter().filter(|line| line.ends_with(&format!("{sleep} "))).count() >= 3
        });
        Tool::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .isolation(Isolation::None)
            .run()
            .unwrap();
        child.wait().unwrap();
        until("all of them are gone", || processes_with(&marker).is_empty());
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(tree.as_str()), "{mounts}");
        for name in ["proc", "sys", "dev", "run", "mnt", "usr"] {
            assert_eq!(std::fs::read_dir(tree.join(name)).unwrap().count(), 0, "{name} is not empty");
        }
    }
    std::fs::remove_dir_all(&tree).unwrap();
}
