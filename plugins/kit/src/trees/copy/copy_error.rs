//! What went wrong with which file.

use disklessset_plugin_api::Error;
use rustix::io::Errno;

/// A step that failed, with the file it failed on.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot {act} {file}")]
pub(super) struct CopyError {
    act: String,
    file: String,
    cause: Errno,
}

impl CopyError {
    pub(super) fn new(act: impl Into<String>, file: impl ToString, cause: Errno) -> Self {
        Self { act: act.into(), file: file.to_string(), cause }
    }
}

impl From<CopyError> for Error {
    fn from(fault: CopyError) -> Self {
        Self::failed(fault.to_string()).because(fault.cause).errno(Some(fault.cause.raw_os_error()))
    }
}
