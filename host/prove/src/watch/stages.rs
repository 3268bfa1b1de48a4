//! Which stage a line of the console announces, and which one a fetched file means.

use camino::Utf8Path;

use super::Watch;
use super::words::{is_mounted, is_up};
use crate::asker::from_firmware;
use crate::stage::Stage;
use disklessset_serve::RequestReport;

impl Watch {
    /// The stage a line of the console announces.
    pub(super) fn stage_in(&self, line: &str) -> Option<Stage> {
        if !self.passed(Stage::KernelStarted) {
            return match line {
                _ if line.contains("Linux version ") => Some(Stage::KernelStarted),
                _ if line.starts_with("iPXE ") => Some(Stage::Firmware),
                _ => None,
            };
        }
        if !self.passed(Stage::SystemStarted) {
            let initramfs = line.contains("(Initramfs)")
                || line.contains("Running in initrd")
                || line.contains("Running in initial RAM disk")
                || line.contains("Run /init as init process")
                || line.contains("dracut-cmdline");
            return match line {
                _ if initramfs => Some(Stage::InitramfsStarted),
                _ if self.evidence.boot_file.root_is_nfs && is_mounted(line) => Some(Stage::RootMounted),
                _ if self.passed(Stage::InitramfsStarted)
                    && (line.starts_with("Welcome to ") || line.starts_with("INIT: version ")) =>
                {
                    Some(Stage::SystemStarted)
                }
                _ => None,
            };
        }
        is_up(line).then_some(Stage::SystemUp)
    }

    /// The stage a fetched file means: by what the boot file names, else by who asked and when.
    pub(super) fn stage_of(&self, report: &RequestReport) -> Option<Stage> {
        let path = Utf8Path::new(&report.path);
        let named = &self.evidence.boot_file;
        let firmware = from_firmware(report);
        if path == named.path {
            return Some(Stage::BootFileFetched);
        }
        if named.kernel.as_deref() == Some(path) {
            return Some(Stage::KernelFetched);
        }
        if named.initramfs.iter().any(|known| known == path) {
            return Some(Stage::InitramfsFetched);
        }
        if named.root_image.as_deref() == Some(path) && !firmware {
            return Some(Stage::RootImageFetched);
        }
        match (firmware, path.extension()) {
            (true, Some("ipxe")) => None,
            (true, _) if named.kernel.is_none() && !self.passed(Stage::KernelFetched) => {
                Some(Stage::KernelFetched)
            }
            (true, _) if named.initramfs.is_empty() => Some(Stage::InitramfsFetched),
            (false, _) if named.root_image.is_none() => Some(Stage::RootImageFetched),
            _ => None,
        }
    }
}
