//! Writes where operations begin and end. A log that cannot be written is no reason to stop: the tools of the operation meet the same and
//! say so.

use super::heading::{Heading, Turn};
use crate::system::atomic_file::open_log;
use camino::Utf8Path;
use disklessset_plugin_api::Error;
use std::io::Write;

/// An operation begins.
pub(crate) fn begins(log: &Utf8Path, action: &str) {
    write(log, action, Turn::Begins);
}

/// It has done what it was for.
pub(crate) fn ends_well(log: &Utf8Path, action: &str) {
    write(log, action, Turn::Done);
}

/// It has failed, and was taken back.
pub(crate) fn ends_badly(log: &Utf8Path, action: &str, error: &Error) {
    write(log, action, Turn::Failed(error.to_string()));
}

fn write(log: &Utf8Path, action: &str, turn: Turn) {
    let Ok(mut file) = open_log(log) else { return };
    let _ = file.write_all(format!("{}\n", Heading::now(action, turn)).as_bytes());
}
