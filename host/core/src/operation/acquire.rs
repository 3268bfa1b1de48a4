//! What an action makes, on record before it is made, and gives back.

use super::{
    Operation, mounts_of_1x,
    seen::{self, Seen},
    undo,
};
use crate::{failure, installations::Effect, records, system::atomic_file};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Hold, Level, Result};

impl Operation<'_> {
    /// A private name beside others in a directory: what is built there is moved out by a rename.
    pub(super) fn private_name(&self, directory: &Utf8Path, what: &str) -> Utf8PathBuf {
        directory.join(format!(".{what}-{}-{}", self.subject(), unique()))
    }

    /// Puts an effect on record and makes it happen. Where its maker fails, is stopped or killed, it may have happened all the same: it
    /// is looked for, and undone, before it goes off the record. On record still, it would be undone later, which is wrong
    /// for what somebody else made.
    pub(crate) fn acquire(
        &self,
        effect: Effect,
        hold: Hold,
        happen: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let layout = &self.site().layout;
        let before = seen::of(&effect, layout).map_err(undo::UndoError::into_api_error)?;
        self.say(Level::Debug, &format!("{}: on record: {}", self.subject(), effect.in_words()));
        let number = self.on_journal(|journal| journal.intend(effect.clone(), hold)).map_err(failure::of)?;
        happen().map_err(|error| match self.is_not_there(&effect, &before) {
            Ok(true) => {
                self.on_journal(|journal| journal.undone(number));
                error
            }
            // It stays on record, and the end of the action tries again.
            Ok(false) => error,
            Err(left) => error.because(left),
        })
    }

    /// Whether nothing is there of an effect that failed; what is there of it is undone. A rename that fails may have happened,
    /// and only its flush to disk failed: what was renamed is known to be ours, and stays on record.
    fn is_not_there(&self, effect: &Effect, before: &Seen) -> Result<bool> {
        if matches!(effect, Effect::Published { .. } | Effect::Trash { .. }) {
            return Ok(false);
        }
        let after = seen::of(effect, &self.site().layout).map_err(undo::UndoError::into_api_error)?;
        match (effect, after) {
            (Effect::Directory { path } | Effect::File { path }, after) if after != *before => {
                seen::remove_empty(path);
            }
            (_, Seen::Line) | (Effect::VersionMade { .. }, _) => self.undo_one(effect)?,
            (_, after) if after != *before => self.undo_one(effect)?,
            _ => {}
        }
        Ok(true)
    }

    /// Makes a new private directory in one of the site's own, for building something aside.
    pub(crate) fn staging(&self, directory: &Utf8Path, what: &str) -> Result<Utf8PathBuf> {
        let path = self.private_name(directory, what);
        self.acquire(Effect::Directory { path: path.clone() }, Hold::Action, || {
            atomic_file::create_dir(&path, 0o700).map_err(failure::of)
        })?;
        Ok(path)
    }

    /// What is on record and not undone.
    pub(crate) fn on_record(&self, path: &Utf8Path) -> Option<(u64, Effect, Hold)> {
        self.on_journal(|journal| {
            journal.find(path).map(|open| (open.number, open.effect.clone(), open.hold))
        })
    }

    /// Undoes one acquisition.
    pub(crate) fn release(&self, path: &Utf8Path) -> Result<()> {
        let Some((number, effect, _)) = self.on_record(path) else {
            if self.is_mounted_by_1x(path)? {
                return mounts_of_1x::unmount_tree(path);
            }
            return Err(Error::refused(format!("{path} is not on record for {}", self.subject())));
        };
        if matches!(effect, Effect::PersistentOverlay { .. }) {
            self.units_changed.set(true);
        }
        self.undo_one(&effect)?;
        self.on_journal(|journal| journal.undone(number));
        Ok(())
    }

    /// Whether a directory of the image's own work area has a mount that is on nobody's record: 1.x kept none.
    fn is_mounted_by_1x(&self, path: &Utf8Path) -> Result<bool> {
        let Some(name) = self.subject().image() else { return Ok(false) };
        let own = self.site().layout.image_workdir(name.as_str());
        if path.parent() != Some(own.as_path()) {
            return Ok(false);
        }
        mounts_of_1x::is_at(path)
    }

    /// Undoes the mounts on record, newest first.
    pub(crate) fn release_mounts(&self) -> Result<()> {
        let open = self.on_journal(|journal| journal.state().open.clone());
        let mounts = open.iter().rev().filter_map(|open| match &open.effect {
            Effect::Mount { mount } => Some(mount.target().to_owned()),
            _ => None,
        });
        mounts.into_iter().try_for_each(|target| self.release(&target))
    }

    fn undo_one(&self, effect: &Effect) -> Result<()> {
        undo::undo_effect(effect, &self.site().layout, &|version| {
            records::is_kernel_used(self.site(), version, self.subject().image())
        })
        .map_err(undo::UndoError::into_api_error)
    }
}

/// A name nobody else has: the process and a counter of its own, and the clock against leftovers of earlier processes.
pub fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let clock =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{:x}-{:x}-{:x}", std::process::id(), clock, NEXT.fetch_add(1, Ordering::Relaxed))
}
