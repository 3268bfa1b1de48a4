//! The cause that the evidence speaks for.

use std::time::Duration;

use super::{Evidence, signs::Sign};
use crate::asker::from_firmware;
use crate::cause::{Cause, NO_ROOT, NeededFile};
use crate::request::Mebibytes;
use crate::stage::Stage;

/// How a try ended, as far as the machine knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Console or requests decided it.
    Decided,
    /// QEMU ended.
    Exited(String),
    /// Time ran out.
    TimedOut(Duration),
}

impl Evidence {
    /// The likely cause, the most telling evidence first.
    pub(crate) fn cause(
        &self,
        end: End,
        reached: Option<Stage>,
        failed_units: &[String],
        memory: Mebibytes,
    ) -> Cause {
        if let Some(refused) = self.refused_file(reached) {
            return refused;
        }
        if self.signs.has(Sign::Memory) || self.root_cut_short(&end) {
            return Cause::OutOfMemory { line: self.signs.line(Sign::Memory), memory };
        }
        if let Some(line) = self.signs.line(Sign::Processor) {
            return Cause::ProcessorTooOld { line };
        }
        if let Some(line) = self.signs.line(Sign::Panic) {
            if let (true, Some(line)) = (line.contains(NO_ROOT), self.signs.line(Sign::Unpacking)) {
                return Cause::InitramfsUnreadable { line };
            }
            return Cause::KernelPanic { line };
        }
        if self.is_silent(reached) && !matches!(end, End::Exited(_)) {
            return Cause::SilentConsole;
        }
        if reached < Some(Stage::KernelStarted) && end == End::Decided {
            if self.requests.is_empty() && reached <= Some(Stage::Firmware) && !self.signs.has(Sign::GaveUp) {
                let line = self.signs.line(Sign::FirmwareError);
                return Cause::FirmwareWithoutNetwork { line };
            }
            if self.no_imgverify {
                return Cause::FirmwareWithoutImgverify;
            }
            return Cause::BootFileGaveUp {
                line: self.signs.line(Sign::FirmwareError),
                other_servers: self.boot_file.other_servers.clone(),
            };
        }
        if let (true, Some(cause)) = (reached < Some(Stage::SystemUp), self.nfs_cause(&end)) {
            return cause;
        }
        let root_fetched = self.stage_fetched(NeededFile::RootImage);
        if reached < Some(Stage::SystemStarted) {
            if let (true, Some(line)) = (root_fetched, self.signs.line(Sign::Mount)) {
                let overlay = self.boot_file.overlay();
                return Cause::RootNotMountable { line, overlay };
            }
            let asked = self.requests.iter().any(|report| !from_firmware(report)) || self.nfs_client;
            let in_initramfs = reached >= Some(Stage::InitramfsStarted);
            let ended = end != End::Decided || self.signs.has(Sign::Dracut) || self.signs.has(Sign::Halted);
            if in_initramfs && !asked && ended && !matches!(end, End::Exited(_)) {
                let line = self.signs.line(Sign::Network).or_else(|| self.signs.line(Sign::Dracut));
                return Cause::InitramfsWithoutNetwork { line };
            }
        }
        if let Some(line) = self.signs.line(Sign::Dracut) {
            return Cause::InitramfsGaveUp { line };
        }
        if self.signs.has(Sign::Emergency) {
            return Cause::EmergencyMode { failed_units: failed_units.to_vec() };
        }
        if let Some(line) = self.signs.line(Sign::Halted) {
            return Cause::Halted { line };
        }
        match end {
            End::Exited(status) => Cause::MachineExited { status },
            End::TimedOut(after) => {
                Cause::TimedOut { after, reached, waiting: self.signs.line(Sign::Waiting) }
            }
            End::Decided => Cause::Halted { line: "for a reason the console does not tell".to_owned() },
        }
    }

    /// What keeps a system from its NFS root, if something does.
    fn nfs_cause(&self, end: &End) -> Option<Cause> {
        if let Some(line) = self.signs.line(Sign::NoNfs) {
            let kernel = self.boot_file.kernel_version().map(str::to_owned);
            return Some(Cause::InitramfsWithoutNfs { line, kernel });
        }
        let refused = self.signs.line(Sign::NfsRefused).map(|line| Cause::NfsRootRefused { line });
        let silent = || self.signs.line(Sign::NfsSilent).map(|line| Cause::NfsServerSilent { line });
        let read_only = || self.signs.line(Sign::ReadOnly).map(|line| Cause::NfsRootReadOnly { line });
        // Many a healthy system says it once: it explains a boot that fails, not one that is slow.
        let decided = *end == End::Decided;
        let denied =
            || self.signs.line(Sign::NfsDenied).filter(|_| decided).map(|line| Cause::NfsRootDenied { line });
        refused.or_else(silent).or_else(read_only).or_else(denied)
    }
}
