//! What a boot left behind, and the cause it speaks for.

mod judgement;
mod requests;
mod signs;

pub(super) use judgement::End;

use super::boot_file::{BootFile, boot_file_gave_up};
use super::stage::Stage;
use disklessset_serve::RequestReport;
use signs::{BEFORE_ROOT, ENDS, Sign, Signs, any};

/// A firmware's words for having nothing to boot from.
const NO_BOOT: [&str; 4] = [
    "No bootable device",
    "No more network devices",
    "BdsDxe: No bootable option or device was found",
    "UEFI Interactive Shell v",
];

/// Whether the kernel was heard on the console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Speech {
    #[default]
    Silent,
    Heard,
}

/// The telling lines of a console, and all requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    pub(super) boot_file: BootFile,
    pub(super) requests: Vec<RequestReport>,
    pub(super) kernel: Speech,
    signs: Signs,
    /// Whether iPXE said that it has no command that checks signatures.
    no_imgverify: bool,
    /// The NFS client was loaded: the network is there.
    nfs_client: bool,
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
            self.signs.note_last(Sign::Waiting, line);
        }
        self.signs.note_all(&BEFORE_ROOT, line, stage)
            || self.boot_file.root_is_nfs && self.nfs_line(line, stage)
            || self.signs.note_all(&ENDS, line, stage)
    }

    /// Notes what `line` tells of an NFS root; true when it decides the try.
    fn nfs_line(&mut self, line: &str, stage: Option<Stage>) -> bool {
        if line.contains("Don't know how to handle 'root=nfs") {
            self.signs.note(Sign::NoNfs, line);
            return true;
        }
        if line.contains("NFS: Registering") {
            self.nfs_client = true;
        }
        // Its only words are of failures. It has tried for two minutes when the server did not answer.
        if line.contains("mount.nfs: ") || line.contains("mount.nfs4: ") {
            self.nfs_client = true;
            self.signs.note(Sign::NfsRefused, line);
            return true;
        }
        if line.contains("nfs: server ") {
            match line.contains("not responding") {
                true => self.signs.note_last(Sign::NfsSilent, line),
                false => self.signs.forget(Sign::NfsSilent),
            }
        }
        if stage >= Some(Stage::RootMounted) {
            if line.contains("Read-only file system") {
                self.signs.note(Sign::ReadOnly, line);
            }
            if line.contains("Permission denied") {
                self.signs.note(Sign::NfsDenied, line);
            }
        }
        false
    }

    fn firmware_line(&mut self, line: &str) -> bool {
        if any(line, &["Out of memory", "Not enough memory", "No space left on device"])
            && line.contains("ipxe.org/")
        {
            self.signs.note(Sign::Memory, line);
        }
        if line.contains("ipxe.org/") && line.contains("(http") && !line.starts_with("iPXE ") {
            self.signs.note(Sign::FirmwareError, line);
        }
        self.no_imgverify |= line.contains("imgverify: command not found");
        if boot_file_gave_up(line) {
            self.signs.note(Sign::GaveUp, line);
            return true;
        }
        any(line, &NO_BOOT)
    }

    /// The kernel was fetched, its console is elsewhere, and nothing is heard of it.
    pub(super) fn is_silent(&self, reached: Option<Stage>) -> bool {
        reached >= Some(Stage::KernelFetched)
            && self.kernel == Speech::Silent
            && !self.boot_file.names_console
            && !self.signs.has(Sign::GaveUp)
    }
}
