//! Who asked for a file, and what that means: UEFI and iPXE ask, and later a program of the image.

use super::boot_file::{ENTRY_PATH, LOADER_PATH};
use super::stage::Stage;
use disklessset_serve::RequestReport;

/// The stage that a fetched file of the proof's own means. UEFI asks for the length of iPXE first.
pub(super) fn own_file(report: &RequestReport) -> Option<Stage> {
    match report.path.as_str() {
        ENTRY_PATH => Some(Stage::Firmware),
        LOADER_PATH => Some(Stage::LoaderFetched),
        _ => None,
    }
}

/// Whether iPXE asked, and not a program of the image.
pub(super) fn from_firmware(report: &RequestReport) -> bool {
    report.agent.starts_with("iPXE")
}
