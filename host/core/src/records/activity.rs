//! What is being done to a created image, or was when its process was killed.

use super::store::Records;
use crate::{
    failure,
    installations::{image_lock, journal},
    system::lock::{Holder, LockProbe},
};
use disklessset_plugin_api::{ImageName, Result};
use serde::Serialize;

/// An action on a created image that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Its words, such as `nodes add`.
    pub action: String,
    /// Whether somebody is at it.
    pub state: ActivityState,
    /// The process that is at it.
    pub pid: Option<u32>,
    /// Since when, in seconds since 1970.
    pub since: Option<i64>,
}

/// Whether somebody is at an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityState {
    /// A living process is.
    UnderWay,
    /// Its process is gone: the next cleaning undoes or finishes it. Until then what is served is a whole state, old or new.
    Interrupted,
}

impl std::fmt::Display for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.state, self.pid) {
            (ActivityState::Interrupted, _) => write!(f, "{} interrupted", self.action),
            (ActivityState::UnderWay, Some(pid)) => write!(f, "{}, pid {pid}", self.action),
            (ActivityState::UnderWay, None) => write!(f, "{} under way", self.action),
        }
    }
}

impl Records<'_> {
    /// What is being done to an image.
    ///
    /// # Errors
    /// When its journal or its lock cannot be read.
    pub(super) fn activity(&self, name: &ImageName) -> Result<Option<Activity>> {
        let path = journal::place(&self.site.layout, name.as_str());
        let unfinished = || journal::read(&path).map(|state| state.unfinished).map_err(failure::of);
        let now = journal::read(&path).map_err(failure::of)?;
        let Some(action) = now.unfinished else {
            // What was cleaned without the class of the image is not at its end before that has had its turn.
            let state = ActivityState::Interrupted;
            return Ok(now.pending_recovery.map(|action| Activity { action, state, pid: None, since: None }));
        };
        let activity = |state, holder: Option<Holder>| Activity {
            action,
            state,
            pid: holder.as_ref().map(|holder| holder.pid),
            since: holder.map(|holder| holder.since),
        };
        let probe = LockProbe::look(&self.site.layout.locks_dir(), &image_lock(name)).map_err(failure::of)?;
        // The lock's file may be gone; who is at it holds the journal, too.
        let probe = match probe {
            LockProbe::Free if journal::is_held(&path).map_err(failure::of)? => LockProbe::Held(None),
            probe => probe,
        };
        Ok(match probe {
            LockProbe::Held(holder) => Some(activity(ActivityState::UnderWay, holder)),
            // It may have come to its end between the two looks.
            LockProbe::Free if unfinished()?.is_none() => None,
            LockProbe::Free => Some(activity(ActivityState::Interrupted, None)),
        })
    }
}
