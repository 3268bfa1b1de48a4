//! What is known of an image, as far as its recovery goes.

use super::decision::{Class, Entry, Recovery, decide};
use crate::{
    failure,
    images::manager::ImageManager,
    installations::{Installation, JournalState, journal},
};
use disklessset_plugin_api::{ImageName, Result};

/// What is known of an image.
pub(in crate::images) struct Known {
    entry: Option<Entry>,
    /// What its last action left on record.
    pub(super) left: JournalState,
    exists: bool,
    /// The class of a created image.
    pub(super) class: Option<String>,
    class_is_here: bool,
}

impl Known {
    /// What is to be done with the image.
    pub(in crate::images) fn recovery(&self) -> Recovery {
        let class = match (&self.class, self.class_is_here) {
            (None, _) => Class::Unknown,
            (Some(_), true) => Class::Here,
            (Some(_), false) => Class::Gone,
        };
        decide(self.entry, &self.left, self.exists, class)
    }

    /// Whether there is anything to do.
    pub(in crate::images) fn needs_recovery(&self) -> bool {
        self.recovery() != Recovery::Nothing
    }
}

impl ImageManager<'_> {
    /// What is known of an image. What an entry in `installations.yml` tells, nothing else can change.
    ///
    /// # Errors
    /// When its journal cannot be read.
    pub(in crate::images) fn known_of(
        &self,
        name: &ImageName,
        entry: Option<&Installation>,
    ) -> Result<Known> {
        let exists = self.records.exists(name);
        if let Some(entry) = entry {
            let entry = match entry.is_legacy() {
                true => Entry::Of1x { runs: self.site.installations.is_running(name, entry) },
                false => Entry::Interrupted,
            };
            let (left, class, class_is_here) = (JournalState::default(), None, false);
            return Ok(Known { entry: Some(entry), left, exists, class, class_is_here });
        }
        let left = journal::read(&journal::place(&self.site.layout, name.as_str())).map_err(failure::of)?;
        // Of most images nothing is left: their records need not be read.
        let may_need = left.needs_recovery() || left.pending_recovery.is_some();
        let class = if may_need { self.records.class_of(name) } else { None };
        let class_is_here =
            class.as_deref().is_some_and(|class| self.site.classes.module_of(class).is_some());
        Ok(Known { entry: None, left, exists, class, class_is_here })
    }
}
