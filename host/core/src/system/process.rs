//! Which process is meant: a pid alone says nothing once pids are reused or the machine was rebooted.

use std::{
    io,
    time::{Duration, SystemTime},
};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::system::FileError;

/// A process that cannot be taken for another: its pid, when it started and in which boot of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The number people see.
    pub pid: u32,
    /// When it started, in clock ticks since the machine booted.
    pub start_time: u64,
    /// The kernel's identity of that boot.
    pub boot_id: String,
}

/// What `/proc/PID/stat` tells.
struct Stat {
    state: char,
    start_time: u64,
}

impl ProcessIdentity {
    /// This process.
    ///
    /// # Errors
    /// When `/proc` is not there or not readable.
    pub fn of_self() -> Result<Self, FileError> {
        let pid = std::process::id();
        Self::of(pid)?.ok_or_else(|| FileError {
            act: "find this process in",
            path: "/proc".into(),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    /// The process that has this pid now; `None` when there is none, or only what is left of a dead one.
    ///
    /// # Errors
    /// When `/proc` is not there or not readable.
    pub fn of(pid: u32) -> Result<Option<Self>, FileError> {
        let boot_id = boot_id()?;
        Ok(living(pid)?.map(|stat| ProcessIdentity { pid, start_time: stat.start_time, boot_id }))
    }

    /// Whether exactly this process still runs. Another process with its pid, one of another boot and a zombie are not it.
    ///
    /// # Errors
    /// When `/proc` is not there or not readable.
    pub fn is_running(&self) -> Result<bool, FileError> {
        Ok(Self::of(self.pid)?.as_ref() == Some(self))
    }
}

/// Whether the process with this pid may be the one that 1.x registered, which knows nothing but a pid. 1.x registers, then makes the
/// image's directory: whoever lives and began before that is at it, whatever its name. Who began later has got the pid since, unless
/// it looks like the tool: then only a clock that was set may tell them apart, and it counts.
///
/// # Errors
/// When `/proc` is not there or not readable.
pub fn may_be_of_1x(pid: u32, registered: Option<SystemTime>) -> Result<bool, FileError> {
    if pid == std::process::id() {
        return Ok(false);
    }
    let Some(stat) = living(pid)? else { return Ok(false) };
    let later = match (registered, began(stat.start_time)) {
        (Some(registered), Some(began)) => began > registered + PRECISION,
        // It cannot be told.
        _ => false,
    };
    Ok(!later || arguments(pid)?.is_some_and(|line| is_diskless_command(&line)))
}

/// How exactly the kernel tells when a process began.
const PRECISION: Duration = Duration::from_millis(20);

/// When a process began, by the clock as it is now; `/proc` has ticks since the boot, a hundred in a second.
fn began(ticks: u64) -> Option<SystemTime> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let up: f64 = uptime.split(' ').next()?.parse().ok()?;
    let age =
        Duration::try_from_secs_f64(up).ok()?.saturating_sub(Duration::from_millis(ticks.checked_mul(10)?));
    SystemTime::now().checked_sub(age)
}

/// What a process was started with, for people: one line of at most 120 characters. Nothing when it is gone.
pub fn command(pid: u32) -> Option<String> {
    let line = arguments(pid).ok()??;
    let text = String::from_utf8_lossy(&line).replace('\0', " ");
    let plain = |c: char| if c.is_control() { '?' } else { c };
    let text: String = text.trim().chars().map(plain).take(120).collect();
    (!text.is_empty()).then_some(text)
}

/// The words a process was started with, each ended by a zero byte; nothing when it is gone.
fn arguments(pid: u32) -> Result<Option<Vec<u8>>, FileError> {
    let path = Utf8PathBuf::from(format!("/proc/{pid}/cmdline"));
    match std::fs::read(&path) {
        Ok(line) => Ok(Some(line)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(FileError::of("read", &path)(error)),
    }
}

/// The command's own name, or the script an interpreter was started with: its first argument that is no option.
fn is_diskless_command(line: &[u8]) -> bool {
    let named = |argument: &[u8]| {
        let name = argument.rsplit(|byte| *byte == b'/').next().unwrap_or(argument);
        matches!(
            name,
            b"disklessset" | b"bluebanquise-disklessset" | b"disklessset.py" | b"diskless" | b"diskless.py"
        )
    };
    let mut arguments = line.split(|byte| *byte == 0).filter(|argument| !argument.is_empty());
    let Some(command) = arguments.next() else { return false };
    let interpreter =
        command.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.starts_with(b"python"));
    named(command)
        || (interpreter && arguments.find(|argument| !argument.starts_with(b"-")).is_some_and(named))
}

/// The process' line in `/proc`, unless it is gone or dead.
fn living(pid: u32) -> Result<Option<Stat>, FileError> {
    let path = Utf8PathBuf::from(format!("/proc/{pid}/stat"));
    let line = match std::fs::read(&path) {
        Ok(line) => line,
        // A machine without /proc must not look like one where every process has died.
        Err(error) if is_gone(&error) && std::path::Path::new("/proc/self/stat").exists() => return Ok(None),
        Err(error) => return Err(FileError::of("read", &path)(error)),
    };
    let stat = parse_stat(&line).ok_or_else(|| FileError {
        act: "understand",
        path,
        source: io::ErrorKind::InvalidData.into(),
    })?;
    Ok(if matches!(stat.state, 'Z' | 'X' | 'x') { None } else { Some(stat) })
}

/// Fields 3 and 22. The second field, the command's name, may hold blanks and parentheses: count from the last one.
fn parse_stat(line: &[u8]) -> Option<Stat> {
    let end_of_name = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(line.get(end_of_name + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, start_time })
}

/// A process may vanish between any two looks at it.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

fn boot_id() -> Result<String, FileError> {
    let path = Utf8PathBuf::from("/proc/sys/kernel/random/boot_id");
    let text = std::fs::read_to_string(&path).map_err(FileError::of("read", &path))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests start processes of their own")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn this_process_runs_and_one_that_has_its_pid_later_is_another() {
        let me = ProcessIdentity::of_self().unwrap();
        assert!(me.is_running().unwrap());
        assert!(!ProcessIdentity { start_time: me.start_time + 1, ..me.clone() }.is_running().unwrap());
        assert!(!ProcessIdentity { boot_id: "another".into(), ..me }.is_running().unwrap());
    }

    #[test]
    fn a_zombie_does_not_run() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let identity = ProcessIdentity::of(child.id()).unwrap().unwrap();
        assert!(identity.is_running().unwrap());
        child.kill().unwrap();
        // Killed and not waited for: a zombie from here on, however long it takes to become one.
        for _ in 0..500 {
            if !identity.is_running().unwrap() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        assert!(stat.contains(") Z "), "{stat}");
        assert!(!identity.is_running().unwrap());
        child.wait().unwrap();
        assert_eq!(ProcessIdentity::of(child.id()).unwrap(), None);
    }

    #[test]
    fn a_name_with_parentheses_and_blanks_does_not_shift_the_fields() {
        let line = b"7 (a) Z 1 (x) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.state, stat.start_time), ('S', 4242));
        assert!(parse_stat(b"7 (a").is_none());
    }

    #[test]
    fn the_tool_is_known_by_its_names() {
        assert!(is_diskless_command(b"/usr/bin/python3.9\0-E\0/usr/bin/disklessset\0-i\0"));
        assert!(is_diskless_command(b"disklessset\0create\0"));
        assert!(is_diskless_command(b"/usr/bin/python3\0/usr/bin/bluebanquise-disklessset\0"));
        assert!(!is_diskless_command(b"vi\0/usr/bin/disklessset\0"));
        assert!(!is_diskless_command(b"/usr/bin/python3\0/usr/bin/dnf\0disklessset\0"));
        assert!(!is_diskless_command(b""));
    }

    #[test]
    fn whoever_began_before_an_image_of_1x_was_registered_is_at_it() {
        let before = SystemTime::now() - Duration::from_secs(1);
        let mut other = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let pid = other.id();
        assert!(!may_be_of_1x(pid, Some(before)).unwrap(), "it has got the pid since");
        assert!(may_be_of_1x(pid, Some(SystemTime::now() + Duration::from_secs(1))).unwrap());
        assert!(may_be_of_1x(pid, None).unwrap(), "what cannot be told is taken for running");
        assert!(!may_be_of_1x(std::process::id(), None).unwrap());
        // Right after its start the kernel may not show its arguments yet.
        let shown = (0..200).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            command(pid)
        });
        assert_eq!(shown.as_deref(), Some("sleep 60"));
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(!may_be_of_1x(pid, None).unwrap());
        assert_eq!(command(pid), None);
    }
}
