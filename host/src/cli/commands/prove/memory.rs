//! `--memory auto`: the memory that an image needs, found by booting it with less and less.

use super::{failed_by_memory, report::tell, target::Target};
use crate::{
    cli::request::Session,
    prove::{self, FoundMemory, Mebibytes, MemorySearch, Proof, ProveError, ProveEvent, ProveRequest},
};
use disklessset_plugin_api::Result;
use std::time::Duration;

/// A boot with less memory may take so many times as long as the one before it, and no less than a minute.
const LONGER: u32 = 2;
const AT_LEAST: Duration = Duration::from_secs(60);

/// Boots with less and less memory until the machine does not come up; the proof of the least, and what was found.
///
/// # Errors
/// As [`prove::prove`], when the machine does not come up with any amount, or for another reason than its memory.
pub(super) fn search(
    session: &Session,
    request: &mut ProveRequest,
    stop: &dyn Fn() -> bool,
) -> std::result::Result<(Proof, FoundMemory), ProveError> {
    let mut search = MemorySearch::from(request.memory);
    let mut least: Option<Proof> = None;
    let mut last_failure = None;
    while let Some(memory) = search.next() {
        request.memory = memory;
        let on_event = &mut |event: ProveEvent| tell(session, false, event);
        match prove::prove(request, stop, on_event) {
            Ok(proof) => {
                let took =
                    proof.machines.first().and_then(|machine| machine.timeline.last()).map(|last| last.0);
                request.timeout = took.map(|took| (took * LONGER).max(AT_LEAST)).or(request.timeout);
                // With too little of it machines hang in many ways: a second try would tell nothing.
                request.retries = 0;
                least = Some(proof);
                search.came_up();
            }
            Err(ProveError::Failed(failure)) if least.is_some() || failed_by_memory(&failure) => {
                session.output.say(&format!("with {memory} it does not come up"));
                last_failure = Some(failure);
                search.failed();
            }
            Err(other) => return Err(other),
        }
    }
    match (least, search.found(), last_failure) {
        (Some(proof), Some(found), _) => Ok((proof, found)),
        (_, _, Some(failure)) => Err(ProveError::Failed(failure)),
        _ => Err(ProveError::Interrupted),
    }
}

/// The memory that the version of a proof was found to need.
pub(super) fn on_record(session: &Session, target: &Target) -> Option<Mebibytes> {
    let version = session.images().resolve_version(&target.version).ok()?;
    let listed = session.images().versions(&target.version.image).ok()?;
    listed.iter().find(|listed| listed.number == version.number().get())?.memory_mebibytes.map(Mebibytes)
}

/// Puts what was found on the version's record, and says it.
///
/// # Errors
/// When the record cannot be written.
pub(super) fn keep(session: &Session, target: &Target, found: FoundMemory) -> Result<()> {
    let FoundMemory { enough, too_little } = found;
    let less = too_little.map(|memory| format!(", and not with {memory}")).unwrap_or_default();
    session.output.say(&format!("it needs {enough}: it came up with {enough}{less}"));
    session.images().note_memory(&target.version, enough.0)
}
