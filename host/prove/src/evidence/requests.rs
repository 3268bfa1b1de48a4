//! What the machine asked for, and what it got.

use super::{End, Evidence};
use crate::asker::from_firmware;
use crate::cause::{Cause, NeededFile};
use crate::stage::Stage;
use disklessset_serve::{RequestReport, Transfer};

impl Evidence {
    /// The last needed file that was refused and never came after all.
    pub(super) fn refused_file(&self, reached: Option<Stage>) -> Option<Cause> {
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

    pub(super) fn stage_fetched(&self, file: NeededFile) -> bool {
        self.requests.iter().any(|report| {
            report.status < 300 && report.transfer == Transfer::Complete && self.what_is(report) == file
        })
    }

    /// The root image's last download stopped midway while the machine itself lived on.
    pub(super) fn root_cut_short(&self, end: &End) -> bool {
        let last = self
            .requests
            .iter()
            .rev()
            .find(|report| self.what_is(report) == NeededFile::RootImage && report.method == "GET");
        !matches!(end, End::Exited(_))
            && last.is_some_and(|r| r.status < 300 && r.transfer == Transfer::CutShort)
    }
}
