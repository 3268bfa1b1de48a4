//! The last resort: whatever there is of an image goes, without its class if need be.

use super::{host_action::HostAction, manager::ImageManager};
use crate::{
    failure,
    installations::{Effect, journal},
    operation::{
        Operation, Subject, lock_image, mounts_of_1x,
        undo::{self, UndoScope},
    },
    records::refusals::{being_created, no_such_image},
    system::{flush::Together, lock::Lock},
};
use disklessset_plugin_api::{Hold, ImageName, Result};

impl ImageManager<'_> {
    /// Refuses a name of which there is nothing: no image, no entry, no journal, no work area.
    ///
    /// # Errors
    /// That there is no such image, or what cannot be read.
    pub fn must_be_known(&self, name: &ImageName) -> Result<()> {
        let known = self.records.exists(name)
            || self.records.entries()?.images.contains_key(name)
            || self.records.journalled()?.contains(name)
            || self.site.layout.image_workdir(name.as_str()).symlink_metadata().is_ok();
        if known { Ok(()) } else { Err(no_such_image(name)) }
    }

    /// The last resort: removes all that is known of an image whatever its state, without its class if need be.
    ///
    /// # Errors
    /// When it is being created, nothing of that name is there, or something is mounted inside by somebody else.
    pub fn clear(&self, name: &ImageName) -> Result<()> {
        self.site.observed(HostAction::Clear.name(), name.as_str(), || self.clear_image(name))
    }

    fn clear_image(&self, name: &ImageName) -> Result<()> {
        self.must_be_known(name)?;
        self.site.prepare()?;
        let lock = lock_image(self.site, name, HostAction::Clear.name(), self.site.wait)?;
        let entry = self.records.entries()?.images.remove(name);
        if let Some(entry) = &entry
            && entry.is_legacy()
            && self.site.installations.is_running(name, entry)
        {
            return Err(being_created(name, entry));
        }
        let class = entry
            .map(|entry| entry.image_class)
            .or_else(|| self.records.load(name).ok().map(|image| image.class().to_owned()));
        self.clear_locked(name, class, lock)
    }

    /// Takes what there is of an image out of service by one rename, then removes it with all that is on record and all that
    /// follows from the name. Refused before that when something is mounted in it that is not the image's own.
    pub(super) fn clear_locked(&self, name: &ImageName, class: Option<String>, lock: Lock) -> Result<()> {
        let layout = &self.site.layout;
        let path = journal::place(layout, name.as_str());
        let left = journal::read(&path).map_err(failure::of)?;
        let (class, clear) = (class.unwrap_or_default(), HostAction::Clear.name());
        let (subject, in_service) = (Subject::Image(name.clone()), self.records.exists(name));
        let operation = if left.needs_recovery() && !in_service {
            // Only the record tells of it: that has no end before all is gone.
            let undone = self.undone_journal(&path, &subject, UndoScope::of_interrupted(&left))?;
            Operation::go_on(self.site, name, lock, undone, clear, &class)?
        } else {
            if left.needs_recovery() {
                self.undo_journal(&path, &subject, UndoScope::of_interrupted(&left), None)?;
            }
            Operation::begin(self.site, name, lock, clear, &class)?
        };
        let freed = operation
            .take_down_overlays()
            .and_then(|()| operation.release_mounts())
            .and_then(|()| mounts_of_1x::unmount_all(layout, name))
            .and_then(|()| self.must_not_be_mounted(name, &class));
        if let Err(error) = freed {
            // What is out of service stays on record as it is, for the next cleaning.
            return Err(if in_service {
                self.put_back(operation, name, HostAction::Clear, error)
            } else {
                error
            });
        }
        let versions = Effect::VersionsOf { image: name.to_string() };
        operation.acquire(versions, Hold::Action, || Ok(()))?;
        let served = layout.image_dir(name.as_str());
        let operation = match served.symlink_metadata() {
            Ok(_) => operation.retire(&served, &layout.images_dir())?,
            Err(_) => operation,
        };
        self.clean_class(&operation, &class, name);
        operation.withdraw_below(&layout.directories_of(name.as_str()))?;
        for directory in layout.directories_of(name.as_str()) {
            if directory.symlink_metadata().is_ok() {
                operation.acquire(Effect::Trash { path: directory }, Hold::Action, || Ok(()))?;
            }
        }
        let _lock = operation.undo_everything()?;
        self.site.installations.end(name).map_err(failure::of)
    }

    /// Removes all that a name can have, outside of any record; what is mounted there stops it.
    pub(super) fn remove_by_name(&self, name: &ImageName, others: &Together) -> Result<()> {
        mounts_of_1x::unmount_all(&self.site.layout, name)?;
        for directory in self.site.layout.directories_of(name.as_str()) {
            undo::remove_together(&directory, &self.site.layout, others)
                .map_err(undo::UndoError::into_api_error)?;
        }
        Ok(())
    }
}
