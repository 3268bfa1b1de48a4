//! By what a client tells whether it has a file already.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use disklessset_oci::names::Digest;

/// What tells one content of a file from another.
#[derive(Debug, Clone)]
pub(super) struct Validators {
    /// A strong entity tag with its quotes.
    pub(super) tag: String,
    /// In whole seconds, as dates of HTTP are.
    pub(super) modified: SystemTime,
}

impl Validators {
    /// A blob is told by its digest, so that all boot servers say the same; another file by what changes when it is
    /// replaced or written.
    pub(super) fn of(metadata: &Metadata, blob: Option<&Digest>) -> Self {
        let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
        let tag = match blob {
            Some(digest) => format!("\"{digest}\""),
            None => format!(
                "\"{seconds:x}.{:x}-{:x}-{:x}\"",
                metadata.mtime_nsec(),
                metadata.len(),
                metadata.ino()
            ),
        };
        Self { tag, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) }
    }
}
