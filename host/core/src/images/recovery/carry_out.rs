//! Carries out what was decided of a created image.

use super::{
    decision::{ClassRecovery, Recovery},
    known::Known,
};
use crate::{
    failure,
    images::{host_action::HostAction, manager::ImageManager},
    installations::{Journal, journal},
    operation::{
        Subject,
        undo::{self, UndoScope},
    },
    records,
    system::lock::Lock,
    versions::Store,
};
use disklessset_plugin_api::{ImageName, Level, Result};

/// What the recovery of a created image came to.
pub(in crate::images) enum Recovered {
    /// There was nothing to recover.
    Nothing,
    /// What was left of it is gone.
    Removed,
    /// It is in service; its class may have said something about it.
    InService(Option<String>),
}

impl ImageManager<'_> {
    /// Does with a created image what was decided. The caller has the image's lock.
    pub(in crate::images) fn carry_out(
        &self,
        decided: Recovery,
        name: &ImageName,
        Known { left, class, .. }: Known,
        lock: Lock,
    ) -> Result<Recovered> {
        // The action that was killed, and not a turn of the class that was killed, too.
        let action = left.pending_recovery.clone().or_else(|| left.unfinished.clone()).unwrap_or_default();
        match decided {
            // Those with an entry go together: see `remove_crashed`.
            Recovery::LeaveAlone | Recovery::RemoveAll { .. } | Recovery::Nothing => Ok(Recovered::Nothing),
            Recovery::FinishRemoval => {
                self.clear_locked(name, left.class, lock)?;
                Ok(Recovered::Removed)
            }
            Recovery::ByTheRecord { scope, class: turn } => {
                let subject = Subject::Image(name.clone());
                let path = journal::place(&self.site.layout, name.as_str());
                self.remove_versions_of_no_image(name, &action, scope)?;
                let waiting = (turn != ClassRecovery::Never).then_some(action.as_str());
                self.undo_journal(&path, &subject, scope, waiting)?;
                if let (ClassRecovery::Later, Some(class)) = (turn, &class) {
                    let text = format!(
                        "the module of class {class} is gone: what {action} of {subject} left is cleaned without it, \
                         from what is on record; the rest follows when the module is back"
                    );
                    self.site.observer.line(Level::Warning, &text);
                }
                self.recover_by_class(name, &action, lock).map(Recovered::InService)
            }
            Recovery::ByTheClass => self.recover_by_class(name, &action, lock).map(Recovered::InService),
        }
    }

    /// Removes what a creation left that was committed, and then taken back on a disk that failed in the midst of that: what is committed
    /// would stay otherwise.
    fn remove_versions_of_no_image(&self, name: &ImageName, action: &str, scope: UndoScope) -> Result<()> {
        let is_creation = matches!(
            HostAction::named(action),
            Some(HostAction::Create | HostAction::Clone | HostAction::Pull)
        );
        if !is_creation || scope != UndoScope::HeldForAction || self.records.exists(name) {
            return Ok(());
        }
        Store::of(&self.site.layout).remove(name.as_str(), &[])
    }

    /// Undoes what a journal has, or finishes it, and ends that action; the action after which a class still has its turn goes on
    /// record with that.
    pub(in crate::images) fn undo_journal(
        &self,
        path: &journal::JournalPath,
        subject: &Subject,
        scope: UndoScope,
        waiting: Option<&str>,
    ) -> Result<()> {
        let mut journal = self.undone_journal(path, subject, scope)?;
        if let Some(action) = waiting {
            journal.leave_pending_recovery(action).map_err(failure::of)?;
        }
        journal.end().map_err(failure::of)
    }

    /// Undoes what a journal has, or finishes it; the action is on record as it was.
    pub(in crate::images) fn undone_journal(
        &self,
        path: &journal::JournalPath,
        subject: &Subject,
        scope: UndoScope,
    ) -> Result<Journal> {
        let mut journal = Journal::reopen(path).map_err(failure::of)?;
        let in_use = |version: &str| records::is_kernel_used(self.site, version, subject.image());
        undo::undo(&mut journal, &self.site.layout, scope, &in_use)
            .map_err(|error| error.into_api_error().context(format!("cannot clean {subject}")))?;
        if let Some(name) = subject.image() {
            Store::of(&self.site.layout).sweep(name.as_str())?;
        }
        Ok(journal)
    }
}
