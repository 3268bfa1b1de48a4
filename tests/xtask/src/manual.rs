//! The man pages of an installed program: it prints them itself, from its declarations and those of its modules.
//!
//! They are made when they are installed and not kept under version control: nothing there could then be older than the program.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::dist::{ask, write_file};
use crate::failure::Failure;

/// Where they lie below `--dest`.
pub(crate) const DIR: &str = "usr/share/man";

/// Installs all pages, and says how many.
pub(crate) fn install(program: &Utf8Path, dest: &Utf8Path, date: &str) -> Result<usize, Failure> {
    let printed = ask(program, dest, &["manual", date])?;
    let pages: BTreeMap<String, String> = serde_json::from_str(&printed)
        .map_err(|cause| Failure::Output { line: format!("{program} manual"), cause })?;
    for (name, text) in &pages {
        let section = name.rsplit('.').next().unwrap_or_default();
        write_file(text, dest, &format!("{DIR}/man{section}/{name}"))?;
    }
    Ok(pages.len())
}
