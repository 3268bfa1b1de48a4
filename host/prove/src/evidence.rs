//! What a boot left behind, and the cause it speaks for.

use std::time::Duration;

use super::boot_file::BootFile;
use super::cause::{Cause, NeededFile};
use super::report::Stage;
use super::request::Mebibytes;
use super::watch::{boot_file_gave_up, from_firmware};
use disklessset_serve::{RequestReport, Transfer};

/// How a try ended, as far as the machine knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Console or requests decided it.
    Decided,
    /// QEMU ended.
    Exited(String),
    /// Time ran out.
    TimedOut(Duration),
}

/// Whether the kernel was heard on the console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Speech {
    #[default]
    Silent,
    Heard,
}

/// The telling lines of a console, the first of each kind, and all requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    pub(super) boot_file: BootFile,
    pub(super) requests: Vec<RequestReport>,
    pub(super) kernel: Speech,
    firmware_error: Option<String>,
    gave_up: Option<String>,
    /// Whether iPXE said that it has no command that checks signatures.
    no_imgverify: bool,
    memory: Option<String>,
    panic: Option<String>,
    processor: Option<String>,
    unpacking: Option<String>,
    network: Option<String>,
    mount: Option<String>,
    no_nfs: Option<String>,
    /// The NFS client was loaded: the network is there.
    nfs_client: bool,
    nfs_refused: Option<String>,
    nfs_silent: Option<String>,
    nfs_denied: Option<String>,
    read_only: Option<String>,
    dracut: Option<String>,
    emergency: Option<String>,
    halted: Option<String>,
    waiting: Option<String>,
}

/// A kernel that got no usable initramfs ends with this.
pub(super) const NO_ROOT: &str = "Unable to mount root fs";
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
/// A firmware's words for having nothing to boot from.
const NO_BOOT: [&str; 4] = [
    "No bootable device",
    "No more network devices",
    "BdsDxe: No bootable option or device was found",
    "UEFI Interactive Shell v",
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

/// systemd's and dracut's words for a shell instead of a system; that such a target was stopped
/// means nothing.
fn is_emergency(line: &str) -> bool {
    let words = ["emergency mode", "Emergency Mode", "emergency.target", "You are in rescue mode"];
    any(line, &words) && !line.contains("Stopped")
}

fn any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

fn first(slot: &mut Option<String>, line: &str) {
    slot.get_or_insert_with(|| line.trim().to_owned());
}

impl Evidence {
    pub(super) fn new(boot_file: BootFile) -> Self {
        Self { boot_file, ..Self::default() }
    }

    /// Notes what `line` tells, given the last stage passed; true when it decides the try.
    pub(super) fn line(&mut self, line: &str, stage: Option<Stage>) -> bool {
        if line.contains("Linux version ") {
            self.kernel = Speech::Heard;
        }
        if self.kernel == Speech::Silent {
            return self.firmware_line(line);
        }
        if line.contains("A start job is running for") || line.contains("still waiting for") {
            self.waiting = Some(line.trim().to_owned());
        }
        if line.contains("Kernel panic - not syncing") {
            first(&mut self.panic, line);
            return true;
        }
        // glibc's words on Enterprise Linux 9 and later.
        if line.contains("CPU does not support x86-64-v") {
            first(&mut self.processor, line);
            return true;
        }
        if line.contains("Initramfs unpacking failed") {
            first(&mut self.unpacking, line);
        }
        // A system that runs may kill a greedy service and live on: only boots end by it.
        if stage < Some(Stage::SystemStarted) && any(line, &MEMORY) {
            first(&mut self.memory, line);
        }
        if any(line, &NETWORK) {
            first(&mut self.network, line);
        }
        if any(line, &MOUNT) {
            first(&mut self.mount, line);
        }
        if self.boot_file.root_is_nfs && self.nfs_line(line, stage) {
            return true;
        }
        if line.contains("dracut: FATAL")
            || line.contains("dracut Warning: Could not boot")
            || line.contains("Warning: Could not boot")
            || line.contains("Boot has failed")
            || line.starts_with("See 'systemctl status initrd-switch-root.service'")
            || line.contains("timeout - starting timeout scripts")
        {
            first(&mut self.dracut, line);
            // After a timeout dracut still tries its last resorts.
            return !line.contains("timeout - starting");
        }
        if is_emergency(line) {
            first(&mut self.emergency, line);
            return true;
        }
        if line.contains("reboot: System halted")
            || line.contains("reboot: Power down")
            || line.contains("reboot: Restarting system")
        {
            first(&mut self.halted, line);
            return true;
        }
        false
    }

    /// Notes what `line` tells of an NFS root; true when it decides the try.
    fn nfs_line(&mut self, line: &str, stage: Option<Stage>) -> bool {
        if line.contains("Don't know how to handle 'root=nfs") {
            first(&mut self.no_nfs, line);
            return true;
        }
        if line.contains("NFS: Registering") {
            self.nfs_client = true;
        }
        // Its only words are of failures. It has tried for two minutes when the server did not answer.
        if line.contains("mount.nfs: ") || line.contains("mount.nfs4: ") {
            self.nfs_client = true;
            first(&mut self.nfs_refused, line);
            return true;
        }
        if line.contains("nfs: server ") {
            self.nfs_silent = line.contains("not responding").then(|| line.trim().to_owned());
        }
        if stage >= Some(Stage::RootMounted) {
            if line.contains("Read-only file system") {
                first(&mut self.read_only, line);
            }
            if line.contains("Permission denied") {
                first(&mut self.nfs_denied, line);
            }
        }
        false
    }

    fn firmware_line(&mut self, line: &str) -> bool {
        if any(line, &["Out of memory", "Not enough memory", "No space left on device"])
            && line.contains("ipxe.org/")
        {
            first(&mut self.memory, line);
        }
        if line.contains("ipxe.org/") && line.contains("(http") && !line.starts_with("iPXE ") {
            first(&mut self.firmware_error, line);
        }
        self.no_imgverify |= line.contains("imgverify: command not found");
        if boot_file_gave_up(line) {
            first(&mut self.gave_up, line);
            return true;
        }
        any(line, &NO_BOOT)
    }

    /// The likely cause, the most telling evidence first.
    pub(super) fn cause(
        &self,
        end: End,
        reached: Option<Stage>,
        failed_units: &[String],
        memory: Mebibytes,
    ) -> Cause {
        if let Some(refused) = self.refused_file(reached) {
            return refused;
        }
        if self.memory.is_some() || self.root_cut_short(&end) {
            return Cause::OutOfMemory { line: self.memory.clone(), memory };
        }
        if let Some(line) = self.processor.clone() {
            return Cause::ProcessorTooOld { line };
        }
        if let Some(line) = self.panic.clone() {
            if let (true, Some(line)) = (line.contains(NO_ROOT), self.unpacking.clone()) {
                return Cause::InitramfsUnreadable { line };
            }
            return Cause::KernelPanic { line };
        }
        if self.is_silent(reached) && !matches!(end, End::Exited(_)) {
            return Cause::SilentConsole;
        }
        if reached < Some(Stage::KernelStarted) && end == End::Decided {
            if self.requests.is_empty() && reached <= Some(Stage::Firmware) && self.gave_up.is_none() {
                let line = self.firmware_error.clone();
                return Cause::FirmwareWithoutNetwork { line };
            }
            if self.no_imgverify {
                return Cause::FirmwareWithoutImgverify;
            }
            return Cause::BootFileGaveUp {
                line: self.firmware_error.clone(),
                other_servers: self.boot_file.other_servers.clone(),
            };
        }
        if let (true, Some(cause)) = (reached < Some(Stage::SystemUp), self.nfs_cause(&end)) {
            return cause;
        }
        let root_fetched = self.stage_fetched(NeededFile::RootImage);
        if reached < Some(Stage::SystemStarted) {
            if let (true, Some(line)) = (root_fetched, self.mount.clone()) {
                let overlay = self.boot_file.overlay();
                return Cause::RootNotMountable { line, overlay };
            }
            let asked = self.requests.iter().any(|report| !from_firmware(report)) || self.nfs_client;
            let in_initramfs = reached >= Some(Stage::InitramfsStarted);
            let ended = end != End::Decided || self.dracut.is_some() || self.halted.is_some();
            if in_initramfs && !asked && ended && !matches!(end, End::Exited(_)) {
                let line = self.network.clone().or_else(|| self.dracut.clone());
                return Cause::InitramfsWithoutNetwork { line };
            }
        }
        if let Some(line) = self.dracut.clone() {
            return Cause::InitramfsGaveUp { line };
        }
        if self.emergency.is_some() {
            return Cause::EmergencyMode { failed_units: failed_units.to_vec() };
        }
        if let Some(line) = self.halted.clone() {
            return Cause::Halted { line };
        }
        match end {
            End::Exited(status) => Cause::MachineExited { status },
            End::TimedOut(after) => Cause::TimedOut { after, reached, waiting: self.waiting.clone() },
            End::Decided => Cause::Halted { line: "for a reason the console does not tell".to_owned() },
        }
    }

    /// What keeps a system from its NFS root, if something does.
    fn nfs_cause(&self, end: &End) -> Option<Cause> {
        if let Some(line) = self.no_nfs.clone() {
            let kernel = self.boot_file.kernel_version().map(str::to_owned);
            return Some(Cause::InitramfsWithoutNfs { line, kernel });
        }
        let refused = self.nfs_refused.clone().map(|line| Cause::NfsRootRefused { line });
        let silent = || self.nfs_silent.clone().map(|line| Cause::NfsServerSilent { line });
        let read_only = || self.read_only.clone().map(|line| Cause::NfsRootReadOnly { line });
        // Many a healthy system says it once: it explains a boot that fails, not one that is slow.
        let decided = *end == End::Decided;
        let denied = || self.nfs_denied.clone().filter(|_| decided).map(|line| Cause::NfsRootDenied { line });
        refused.or_else(silent).or_else(read_only).or_else(denied)
    }

    /// The kernel was fetched, its console is elsewhere, and nothing is heard of it.
    pub(super) fn is_silent(&self, reached: Option<Stage>) -> bool {
        reached >= Some(Stage::KernelFetched)
            && self.kernel == Speech::Silent
            && !self.boot_file.names_console
            && self.gave_up.is_none()
    }

    /// The last needed file that was refused and never came after all.
    fn refused_file(&self, reached: Option<Stage>) -> Option<Cause> {
        if reached >= Some(Stage::SystemStarted) {
            return None;
        }
        let came = |path: &str| self.requests.iter().any(|report| report.path == path && report.status < 400);
        let refused =
            self.requests.iter().rev().find(|report| report.status >= 400 && !came(&report.path))?;
        // Firmware that went on to a kernel could do without what it was refused.
        if from_firmware(refused) && reached >= Some(Stage::KernelStarted) {
            return None;
        }
        Some(Cause::NotServed {
            file: self.what_is(refused),
            path: refused.path.clone().into(),
            status: refused.status,
            problem: refused.problem.clone(),
        })
    }

    fn what_is(&self, report: &RequestReport) -> NeededFile {
        let named = &self.boot_file;
        match Some(report.path.as_str()) {
            path if path == Some(named.path.as_str()) => NeededFile::BootFile,
            path if path == named.kernel.as_ref().map(|p| p.as_str()) => NeededFile::Kernel,
            Some(path) if named.initramfs.iter().any(|p| p == path) => NeededFile::Initramfs,
            path if path == named.root_image.as_ref().map(|p| p.as_str()) => NeededFile::RootImage,
            _ if !from_firmware(report) && named.root_image.is_none() => NeededFile::RootImage,
            _ => NeededFile::Other,
        }
    }

    fn stage_fetched(&self, file: NeededFile) -> bool {
        self.requests.iter().any(|report| {
            report.status < 300 && report.transfer == Transfer::Complete && self.what_is(report) == file
        })
    }

    /// The root image's last download stopped midway while the machine itself lived on.
    fn root_cut_short(&self, end: &End) -> bool {
        let last = self
            .requests
            .iter()
            .rev()
            .find(|report| self.what_is(report) == NeededFile::RootImage && report.method == "GET");
        !matches!(end, End::Exited(_))
            && last.is_some_and(|r| r.status < 300 && r.transfer == Transfer::CutShort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emergency_is_entered_not_left() {
        assert!(is_emergency("You are in emergency mode. After logging in, type"));
        assert!(is_emergency("[  OK  ] Reached target emergency.target - Emergency Mode."));
        assert!(!is_emergency("[  OK  ] Stopped target emergency.target - Emergency Mode."));
    }

    #[test]
    fn a_system_that_runs_may_kill_a_greedy_service() {
        let oom = "[   90.1] Out of memory: Killed process 551 (greedy)";
        let mut evidence = Evidence::default();
        evidence.line("[    0.0] Linux version 6.1", Some(Stage::KernelStarted));
        evidence.line(oom, Some(Stage::LoginPrompt));
        assert_eq!(evidence.memory, None);
        evidence.line(oom, Some(Stage::InitramfsStarted));
        assert_eq!(evidence.memory.as_deref(), Some(oom));
    }
}
