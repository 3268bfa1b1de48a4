//! Which processes are as good as dead: killed, and merely not done with it.

use std::path::Path;

/// SIGKILL in the masks of `/proc/PID/status`.
const KILLED: u64 = 1 << (nix::libc::SIGKILL - 1);
/// The kernel's mark of a task that is past its last instruction (`PF_EXITING`), among the flags in `/proc/PID/stat`.
const EXITING: u64 = 0x4;

/// Whether a process is dead, or has been sent the signal that nobody survives: it executes no instruction of its own any
/// more. What it waits for in the kernel (an `fsync` on a busy disk cannot be interrupted) may keep it in the list of processes for
/// seconds. One of whose threads a single one may go on lives.
pub fn is_dying(pid: i32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| is_thread_dying(&thread.path()))
}

fn is_thread_dying(thread: &Path) -> bool {
    let read = |name: &str| std::fs::read_to_string(thread.join(name));
    // What is gone between two looks has died.
    let (Ok(status), Ok(stat)) = (read("status"), read("stat")) else { return true };
    is_killed(&status) || has_ended(&stat)
}

/// Has the signal before it, sent to the thread or to its process.
fn is_killed(status: &str) -> bool {
    ["SigPnd:", "ShdPnd:"].iter().any(|field| {
        let mask = status.lines().find_map(|line| line.strip_prefix(field));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & KILLED != 0)
    })
}

/// Fields 3 and 9; the name before them may hold anything but its last parenthesis.
fn has_ended(stat: &str) -> bool {
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace();
    let ended = fields.next().is_some_and(|state| ["Z", "X", "x"].contains(&state));
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok());
    ended || flags.is_some_and(|flags| flags & EXITING != 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;
    use crate::root::TestRoot;

    #[test]
    fn who_runs_sleeps_or_is_stopped_lives_and_who_is_killed_does_not() {
        let root = TestRoot::bare();
        let sleeper = root.tool("sleep", &["300"]).start();
        let pid = sleeper.pid() as i32;
        assert!(!is_dying(pid) && !is_dying(std::process::id() as i32));
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(!is_dying(pid), "stopped is not dead");
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        assert!(is_dying(pid), "from the moment it is sent");
        sleeper.kill_nine();
        assert!(is_dying(pid), "gone");
    }

    #[test]
    fn fields_are_read_from_the_kernel_s_lines() {
        assert!(is_killed("Name:\tx\nSigPnd:\t0000000000000100\nShdPnd:\t0000000000000000\n"));
        assert!(is_killed("SigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n"));
        assert!(!is_killed(
            "SigPnd:\t0000000000004000\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000100\n"
        ));
        assert!(has_ended("7 (a) S) Z 1 7 7 0 -1 4194304 1"));
        assert!(has_ended("7 (a) D 1 7 7 0 -1 4194308 1"));
        assert!(!has_ended("7 (a) Z) D 1 7 7 0 -1 4194304 1"));
    }
}
