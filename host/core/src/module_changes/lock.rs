//! The lock of the modules directory.

use disklessset_plugin_api::{ErrorKind, Level, Result};

use super::recovery::recover;
use crate::failure;
use crate::site::Site;
use crate::system::lock::{Lock, LockError, Wait};

/// The name of the lock of the modules directory.
pub(super) const LOCK: &str = "modules";
/// How long one waits who did not say: an installation is a copy of some megabytes and a look at it.
const PATIENCE_SECONDS: u64 = 30;

/// Takes the lock of the modules directory; says for whom it waits. What an interrupted change left is recovered first.
pub(super) fn lock(site: &Site, what: &str) -> Result<Lock> {
    let warn = |text: &str| site.observer.line(Level::Warning, text);
    site.prepare()?;
    let locks = site.layout.locks_dir();
    let take = |wait| Lock::acquire(&locks, LOCK, "the modules directory", what, wait);
    let lock = match take(Wait::No) {
        Err(error @ LockError::Busy { .. }) => {
            warn(&format!("waiting: {error}"));
            take(match site.wait {
                Wait::No => Wait::Seconds(PATIENCE_SECONDS),
                longer => longer,
            })
        }
        outcome => outcome,
    };
    let lock = lock.map_err(|error| match error {
        LockError::Busy { .. } => failure::with_kind(ErrorKind::BUSY, error),
        LockError::Interrupted(cause) => failure::interrupted(cause),
        other => failure::of(other),
    })?;
    if let Some(said) = recover(site)? {
        warn(&said);
    }
    Ok(lock)
}
