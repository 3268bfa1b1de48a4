//! How an action ends: well, badly, or with nothing left of its subject.

use super::{
    Operation, Reading,
    undo::{self, UndoScope},
};
use crate::{
    failure,
    installations::Journal,
    logs, out_of_space, records,
    system::{flush::Together, lock::Lock},
};
use disklessset_plugin_api::{Error, Level, Result};

impl<'s> Operation<'s> {
    /// Puts on record that the action has done what it was for. Whatever stops it from here on, what it published stays.
    pub(crate) fn commit(&self) -> Result<()> {
        self.offer()?;
        match self.on_journal(Journal::commit).map_err(failure::of) {
            // To fail now would be to call a change failed that nodes have.
            Err(error) if self.is_in_service() => {
                let text = format!("{}: image {} is in its new state all the same", error, self.subject());
                self.say(Level::Warning, &text);
                Ok(())
            }
            committed => committed,
        }
    }

    /// Ends the action well: what was held for its length is undone, the rest stays.
    pub(crate) fn succeed(self) -> Result<()> {
        self.let_go();
        self.offer()?;
        self.end_offering()?;
        let action = self.action();
        let (reading, mut journal, _lock) = self.into_parts();
        // Best effort where nobody asked for it before: without the line an end in the middle of this undoes what is held.
        let _ = journal.commit();
        undo(&reading, &mut journal, UndoScope::HeldForAction)?;
        journal.end().map_err(failure::of)?;
        logs::ends_well(reading.log(), &action);
        reading.say(Level::Info, &format!("{}: done", reading.subject()));
        Ok(())
    }

    /// Ends the class's part of a cleaning: what was held for its length is undone, and lock and journal go back to who leads the cleaning.
    pub(crate) fn hand_back(self, others: &Together) -> Result<(Lock, Journal)> {
        self.let_go();
        self.offer()?;
        self.end_offering()?;
        let action = self.action();
        let (reading, mut journal, lock) = self.into_parts();
        let in_use = in_use_by_others(&reading);
        undo::undo_together(&mut journal, &reading.site().layout, UndoScope::HeldForAction, &in_use, others)
            .map_err(undo::UndoError::into_api_error)?;
        logs::ends_well(reading.log(), &action);
        Ok((lock, journal))
    }

    /// Ends an action after which nothing is left of its subject: all that is on record is undone. Gives back the lock.
    pub(crate) fn undo_everything(self) -> Result<Lock> {
        self.let_go();
        let action = self.action();
        let (reading, mut journal, lock) = self.into_parts();
        undo(&reading, &mut journal, UndoScope::Everything)?;
        journal.recovered().map_err(failure::of)?;
        journal.end().map_err(failure::of)?;
        logs::ends_well(reading.log(), &action);
        Ok(lock)
    }

    /// Ends the action badly: everything it acquired is undone. Gives back the error, with what could not be undone, and the lock.
    pub(crate) fn fail(self, error: Error) -> (Error, Lock) {
        let (error, lock, undone) = self.undo_failed(error);
        match undone.map(Journal::end) {
            Some(Err(left)) => (with_left(error, &failure::of(left)), lock),
            _ => (error, lock),
        }
    }

    /// The same, for one who goes on with the journal: it is given back where everything was undone. Nothing ends it, so whenever the
    /// program is killed an unfinished action is on record.
    pub(crate) fn fail_and_hand_back(self, error: Error) -> (Error, Lock, Option<Journal>) {
        self.undo_failed(error)
    }

    fn undo_failed(self, error: Error) -> (Error, Lock, Option<Journal>) {
        self.let_go();
        let action = self.action();
        let (reading, mut journal, lock) = self.into_parts();
        // Before anything is taken back: then there is room again.
        let error = out_of_space::explained(error, &reading.site().layout, &journal.places());
        let (error, undone) = match undo(&reading, &mut journal, UndoScope::WholeAction) {
            Ok(()) => (error, Some(journal)),
            Err(left) => (with_left(error, &left), None),
        };
        logs::ends_badly(reading.log(), &action, &error);
        (error, lock, undone)
    }

    /// What comes first at every end.
    fn let_go(&self) {
        drop(self.spare.take());
        self.tell_of_units();
    }
}

/// The error of an action, with what could not be taken back of it, and the command that does it later.
pub(crate) fn with_left(error: Error, left: &Error) -> Error {
    error.because(format!("what it left could not be cleaned: {left}")).hint("disklessset clean")
}

fn undo(reading: &Reading<'_>, journal: &mut Journal, scope: UndoScope) -> Result<()> {
    undo::undo(journal, &reading.site().layout, scope, &in_use_by_others(reading))
        .map_err(undo::UndoError::into_api_error)
}

/// Whether another image uses a kernel.
fn in_use_by_others(reading: &Reading<'_>) -> impl Fn(&str) -> bool {
    |version| records::is_kernel_used(reading.site(), version, reading.subject().image())
}
