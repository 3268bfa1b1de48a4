//! Files that only their owner reads: repositories may have logins.

use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use std::{io::Write as _, os::unix::fs::OpenOptionsExt};

/// Writes a new file that only its owner reads: repositories may have logins.
pub(super) fn write_private(file: &Utf8Path, text: &str) -> Result<()> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.and_then(|mut made| made.write_all(text.as_bytes()))
        .map_err(|cause| Error::failed(format!("cannot write {file}")).because(cause))
}
