//! What a node says of itself, and the paths by which it is followed.

use crate::{one_line, text};
use disklessset_status::{Asked, LARGEST_REPORT, Report};

pub(super) fn run(data: &[u8]) {
    match Report::parse(data) {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(report) => {
            assert!(data.len() <= LARGEST_REPORT);
            let version = report.version.map(|version| version.to_string()).unwrap_or_default();
            let again = format!("node={}&version={version}", report.node);
            assert_eq!(Report::parse(again.as_bytes()), Ok(report), "{again}");
        }
    }
    let Some(path) = text(data) else { return };
    if let Asked::BootFileOfMac(mac) = Asked::of(path) {
        assert!(!mac.contains('/'), "{mac}");
    }
}
