//! Lines of a console that tell why a boot fails, in tables: what they say, when they count, and whether they decide.

use std::collections::BTreeMap;

use crate::stage::Stage;

/// What a line of the console is a sign of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    FirmwareError,
    GaveUp,
    Memory,
    Panic,
    Processor,
    Unpacking,
    Network,
    Mount,
    NoNfs,
    NfsRefused,
    NfsSilent,
    NfsDenied,
    ReadOnly,
    Dracut,
    Emergency,
    Halted,
    Waiting,
}

/// A line for each sign that was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Signs(BTreeMap<Sign, String>);

impl Signs {
    /// Keeps the line, unless an earlier one is a sign of the same.
    pub(super) fn note(&mut self, sign: Sign, line: &str) {
        self.0.entry(sign).or_insert_with(|| line.trim().to_owned());
    }

    /// Keeps the line in place of an earlier one.
    pub(super) fn note_last(&mut self, sign: Sign, line: &str) {
        self.0.insert(sign, line.trim().to_owned());
    }

    /// What was wrong is not so any more.
    pub(super) fn forget(&mut self, sign: Sign) {
        self.0.remove(&sign);
    }

    /// The line that is a sign of it.
    pub(super) fn line(&self, sign: Sign) -> Option<String> {
        self.0.get(&sign).cloned()
    }

    pub(super) fn has(&self, sign: Sign) -> bool {
        self.0.contains_key(&sign)
    }

    /// Notes what the patterns find in a line, given the last stage passed; true when that decides the try.
    pub(super) fn note_all(&mut self, patterns: &[Pattern], line: &str, stage: Option<Stage>) -> bool {
        for pattern in patterns.iter().filter(|pattern| pattern.fits(line, stage)) {
            self.note(pattern.sign, line);
            if pattern.outcome == Outcome::Decides {
                return true;
            }
        }
        false
    }
}

/// Whether a boot can still end well after such a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    GoesOn,
    Decides,
}

/// Lines of one meaning.
#[derive(Debug)]
pub(super) struct Pattern {
    sign: Sign,
    outcome: Outcome,
    /// One of these is in the line.
    words: &'static [&'static str],
    /// These are not.
    without: &'static [&'static str],
    /// From this stage on it means nothing.
    until: Option<Stage>,
}

impl Pattern {
    const fn of(sign: Sign, outcome: Outcome, words: &'static [&'static str]) -> Self {
        Self { sign, outcome, words, without: &[], until: None }
    }

    const fn without(self, without: &'static [&'static str]) -> Self {
        Self { without, ..self }
    }

    const fn until(self, stage: Stage) -> Self {
        Self { until: Some(stage), ..self }
    }

    fn fits(&self, line: &str, stage: Option<Stage>) -> bool {
        let in_time = self.until.is_none() || stage < self.until;
        in_time && any(line, self.words) && !any(line, self.without)
    }
}

pub(super) fn any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

/// What kernels and programs of an initramfs say before there is a root.
pub(super) const BEFORE_ROOT: [Pattern; 6] = [
    Pattern::of(Sign::Panic, Outcome::Decides, &["Kernel panic - not syncing"]),
    // glibc's words on Enterprise Linux 9 and later.
    Pattern::of(Sign::Processor, Outcome::Decides, &["CPU does not support x86-64-v"]),
    Pattern::of(Sign::Unpacking, Outcome::GoesOn, &["Initramfs unpacking failed"]),
    // A system that runs may kill a greedy service and live on: only boots end by it.
    Pattern::of(Sign::Memory, Outcome::GoesOn, &MEMORY).until(Stage::SystemStarted),
    Pattern::of(Sign::Network, Outcome::GoesOn, &NETWORK),
    Pattern::of(Sign::Mount, Outcome::GoesOn, &MOUNT),
];

/// How boots give up.
pub(super) const ENDS: [Pattern; 4] = [
    // After a timeout dracut still tries its last resorts.
    Pattern::of(Sign::Dracut, Outcome::GoesOn, &["timeout - starting timeout scripts"]),
    Pattern::of(Sign::Dracut, Outcome::Decides, &DRACUT).without(&["timeout - starting"]),
    // That such a target was stopped means nothing.
    Pattern::of(Sign::Emergency, Outcome::Decides, &EMERGENCY).without(&["Stopped"]),
    Pattern::of(Sign::Halted, Outcome::Decides, &HALTED),
];

/// Lines that tell of too little memory, in firmware, kernel and tools.
const MEMORY: [&str; 7] = [
    "Out of memory",
    "oom-kill",
    "invoked oom-killer",
    "deadlocked on memory",
    "No space left on device",
    "Cannot allocate memory",
    "Initramfs unpacking failed: write error",
];

const NETWORK: [&str; 6] = [
    "Could not get carrier",
    "no carrier detected",
    "dhcp failed",
    "DHCP failed",
    "Failed to bring up",
    "No DHCPOFFERS received",
];

const MOUNT: [&str; 8] = [
    "Failed to find a root filesystem",
    "Can't mount root filesystem",
    "wrong fs type",
    "SQUASHFS error",
    "can't find a SQUASHFS superblock",
    "can't find superblock",
    "Failed to mount block device of live image",
    "/dev/mapper/live-rw does not exist",
];

const DRACUT: [&str; 5] = [
    "dracut: FATAL",
    "dracut Warning: Could not boot",
    "Warning: Could not boot",
    "Boot has failed",
    "See 'systemctl status initrd-switch-root.service'",
];

/// systemd's and dracut's words for a shell instead of a system.
const EMERGENCY: [&str; 4] =
    ["emergency mode", "Emergency Mode", "emergency.target", "You are in rescue mode"];

const HALTED: [&str; 3] = ["reboot: System halted", "reboot: Power down", "reboot: Restarting system"];

#[cfg(test)]
mod tests {
    use super::*;

    fn decides(line: &str) -> Option<Sign> {
        let mut signs = Signs::default();
        let decided = signs.note_all(&ENDS, line, None);
        decided.then(|| *signs.0.keys().next().unwrap())
    }

    #[test]
    fn emergency_is_entered_not_left() {
        let entered = "[  OK  ] Reached target emergency.target - Emergency Mode.";
        assert_eq!(decides("You are in emergency mode. After logging in, type"), Some(Sign::Emergency));
        assert_eq!(decides(entered), Some(Sign::Emergency));
        assert_eq!(decides("[  OK  ] Stopped target emergency.target - Emergency Mode."), None);
    }

    #[test]
    fn dracut_goes_on_after_its_timeout() {
        let timeout = "dracut-initqueue[301]: Warning: dracut-initqueue: timeout - starting timeout scripts";
        let mut signs = Signs::default();
        assert!(!signs.note_all(&ENDS, timeout, None));
        assert_eq!(signs.line(Sign::Dracut).as_deref(), Some(timeout));
        assert_eq!(decides("dracut: FATAL: Don't know how to handle 'root=x'"), Some(Sign::Dracut));
    }

    #[test]
    fn a_system_that_runs_may_kill_a_greedy_service() {
        let line = "[   90.1] Out of memory: Killed process 551 (greedy)";
        let mut signs = Signs::default();
        signs.note_all(&BEFORE_ROOT, line, Some(Stage::LoginPrompt));
        assert!(!signs.has(Sign::Memory));
        signs.note_all(&BEFORE_ROOT, line, Some(Stage::InitramfsStarted));
        assert_eq!(signs.line(Sign::Memory).as_deref(), Some(line));
    }
}
