//! How an action ends: well, badly, or with nothing left of its subject.

use super::{
    Operation,
    undo::{self, Which},
};
use crate::{
    failure,
    installations::Journal,
    no_room, records,
    system::{flush::Together, lock::Lock},
};
use disklessset_plugin_api::{Error, Level, Result};

impl Operation<'_> {
    /// Puts on record that the action has done what it was for. Whatever stops it from here on, what it published stays.
    pub(crate) fn commit(&self) -> Result<()> {
        self.offer()?;
        match self.on_journal(Journal::commit)?.map_err(failure::of) {
            // To fail now would be to call a change failed that nodes have.
            Err(error) if self.is_in_service() => {
                let text = format!("{}: image {} is in its new state all the same", error, self.subject);
                self.say(Level::Warning, &text);
                Ok(())
            }
            committed => committed,
        }
    }

    /// Ends the action well: what was held for its length is undone, the rest stays.
    pub(crate) fn succeed(&self) -> Result<()> {
        drop(self.spare.take());
        self.tell_of_units();
        if self.is_on_record() {
            self.offer()?;
            self.end_offering()?;
        }
        let Some(mut journal) = self.journal.take() else { return Ok(()) };
        // Best effort where nobody asked for it before: without the line an end in the middle of this undoes what is held.
        let _ = journal.commit();
        self.undo(&mut journal, Which::HeldForAction)?;
        journal.end().map_err(failure::of)?;
        self.say(Level::Info, &format!("{}: done", self.subject));
        Ok(())
    }

    /// Ends the class's part of a cleaning: what was held for its length is undone, and lock and journal go back to who leads the cleaning.
    pub(crate) fn hand_back(self, others: &Together) -> Result<Option<(Lock, Journal)>> {
        drop(self.spare.take());
        self.tell_of_units();
        self.offer()?;
        self.end_offering()?;
        let journal = self.journal.take();
        let subject = self.subject.clone();
        let (site, lock) = (self.site, self.into_lock());
        let Some((lock, mut journal)) = lock.zip(journal) else { return Ok(None) };
        let in_use = |version: &str| records::is_kernel_used(site, version, subject.image());
        undo::undo_together(&mut journal, &site.layout, Which::HeldForAction, &in_use, others)
            .map_err(undo::UndoError::told)?;
        Ok(Some((lock, journal)))
    }

    /// Ends an action after which nothing is left of its subject: all that is on record is undone.
    pub(crate) fn undo_everything(&self) -> Result<()> {
        drop(self.spare.take());
        self.tell_of_units();
        let Some(mut journal) = self.journal.take() else { return Ok(()) };
        self.undo(&mut journal, Which::Everything)?;
        journal.settled().map_err(failure::of)?;
        journal.end().map_err(failure::of)
    }

    /// Ends the action badly: everything it acquired is undone. Gives back the error, with what could not be undone.
    pub(crate) fn fail(&self, error: Error) -> Error {
        drop(self.spare.take());
        self.tell_of_units();
        let Some(mut journal) = self.journal.take() else { return error };
        // Before anything is taken back: then there is room again.
        let error = no_room::explained(error, &self.site.layout, &journal.places());
        let undone =
            self.undo(&mut journal, Which::Unsettled).and_then(|()| journal.end().map_err(failure::of));
        match undone {
            Ok(()) => error,
            Err(left) => {
                error.because(format!("what it left could not be cleaned: {left}")).hint("disklessset clean")
            }
        }
    }

    fn undo(&self, journal: &mut Journal, which: Which) -> Result<()> {
        let in_use = |version: &str| records::is_kernel_used(self.site, version, self.subject.image());
        undo::undo(journal, &self.site.layout, which, &in_use).map_err(undo::UndoError::told)
    }
}
