//! Undoes or finishes a change of the modules directory that did not come to its end.

use disklessset_plugin_api::Result;

use super::lock::LOCK;
use crate::installations::{Journal, journal};
use crate::operation::{Subject, undo};
use crate::site::Site;
use crate::system::{
    files,
    lock::{Lock, LockProbe},
};
use crate::{failure, records};

/// Undoes or finishes an interrupted change of the modules directory, unless somebody is at it; says what became of it.
pub(crate) fn clean(site: &Site) -> Result<Option<String>> {
    let path = journal::place(&site.layout, &Subject::Modules.to_string());
    let at_it = || LockProbe::look(&site.layout.locks_dir(), LOCK).map(|probe| probe.is_held());
    if !path.exists() || at_it().map_err(failure::of)? {
        return Ok(None);
    }
    match Lock::for_a_moment(&site.layout.locks_dir(), LOCK).map_err(failure::of)? {
        Some(_lock) => recover(site),
        None => Ok(None),
    }
}

/// The same for the one who has the lock.
pub(super) fn recover(site: &Site) -> Result<Option<String>> {
    let path = journal::place(&site.layout, &Subject::Modules.to_string());
    let state = journal::read(&path).map_err(failure::of)?;
    if state.is_blank() {
        files::remove_file(&path).map_err(failure::of)?;
    }
    let Some(action) = &state.unfinished else { return Ok(None) };
    let scope = undo::UndoScope::of_interrupted(&state);
    let became = if state.committed { "finished" } else { "taken back" };
    let mut journal = Journal::reopen(&path).map_err(failure::of)?;
    undo::undo(&mut journal, &site.layout, scope, &|version| records::is_kernel_used(site, version, None))
        .map_err(|error| {
            error.into_api_error().context(format!("cannot finish or undo what was left of `{action}`"))
        })?;
    journal.end().map_err(failure::of)?;
    Ok(Some(format!("`{action}` had not come to its end and was {became}")))
}
