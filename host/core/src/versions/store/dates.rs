//! What is noted of a version after it was added: when nodes no longer got it, and the memory that it needs.

use super::{super::History, Store};
use disklessset_oci::names::VersionNumber;
use disklessset_plugin_api::{ImageName, Result};

impl Store<'_> {
    /// Notes when nodes got a version for the last time, unless they still do.
    ///
    /// # Errors
    /// When the history cannot be read or written.
    pub(crate) fn withdraw(&self, name: &str, number: VersionNumber, date: jiff::Timestamp) -> Result<()> {
        if self.current(name)?.is_some_and(|marker| marker.version.number() == number) {
            return Ok(());
        }
        let path = self.history_path(name);
        let mut history = History::load(&path)?;
        match history.get_mut(number) {
            Some(version) if version.withdrawn != Some(date) => version.withdrawn = Some(date),
            _ => return Ok(()),
        }
        history.save(&path)
    }

    /// Notes the memory that a version was found to need, in mebibytes. Who does it holds the image's lock.
    ///
    /// # Errors
    /// When the history cannot be read or written.
    pub(crate) fn note_memory(&self, name: &ImageName, number: VersionNumber, mebibytes: u32) -> Result<()> {
        let mut history = self.history(name)?;
        if let Some(version) = history.get_mut(number) {
            version.memory_mebibytes = Some(mebibytes);
        }
        self.save(name, &history)
    }

    /// Notes when pools and nodes named versions for the last time. Who does it holds the image's lock.
    ///
    /// # Errors
    /// When the history cannot be read or written.
    pub(crate) fn unname(
        &self,
        name: &ImageName,
        numbers: &[VersionNumber],
        date: jiff::Timestamp,
    ) -> Result<()> {
        let mut history = self.history(name)?;
        for number in numbers {
            if let Some(version) = history.get_mut(*number) {
                version.unnamed = Some(date);
            }
        }
        self.save(name, &history)
    }
}
