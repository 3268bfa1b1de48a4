//! Which way the recovery of an image goes. A table: what is known of the image on one side, what is done with it on the other.

use crate::{images::host_action::HostAction, installations::JournalState, operation::undo::UndoScope};

/// The entry of an image in `installations.yml`, found with the image's lock held: no process of this version is creating it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::images) enum Entry {
    /// Of a creation that did not come to its end.
    Interrupted,
    /// Of 1.x, which takes no locks and keeps no journals.
    Of1x {
        /// Whether its process may be at it.
        runs: bool,
    },
}

/// The class of a created image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::images) enum Class {
    /// No record tells which it is.
    Unknown,
    /// Its module is here.
    Here,
    /// Its module is gone.
    Gone,
}

/// What is done with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::images) enum Recovery {
    /// Nothing: a process may be creating it.
    LeaveAlone,
    /// Its creation was interrupted: all there is of it goes.
    RemoveAll {
        /// Whether what its name can have goes as well, whatever is on record.
        by_name: bool,
    },
    /// Nothing: it was created, and its last action came to its end.
    Nothing,
    /// Its last action was a removal that took it out of service: the rest goes, too.
    FinishRemoval,
    /// Its last action is undone or finished by the record.
    ByTheRecord {
        /// Which effects are undone.
        scope: UndoScope,
        /// What its class has to do with it.
        class: ClassRecovery,
    },
    /// That was done before, without its class, which is back now and has its turn.
    ByTheClass,
}

/// When the class of an image sets what it alone can set after an interrupted action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::images) enum ClassRecovery {
    /// There is nothing for it to do.
    Never,
    /// Right after the record.
    Now,
    /// When its module is back.
    Later,
}

/// Decides what is done with an image, from its entry in `installations.yml`, its journal, whether it is in service, and its class.
pub(in crate::images) fn decide(
    entry: Option<Entry>,
    left: &JournalState,
    exists: bool,
    class: Class,
) -> Recovery {
    match entry {
        Some(Entry::Of1x { runs: true }) => Recovery::LeaveAlone,
        Some(Entry::Of1x { runs: false }) => Recovery::RemoveAll { by_name: true },
        Some(Entry::Interrupted) => Recovery::RemoveAll { by_name: false },
        None => after_action(left, exists, class),
    }
}

fn after_action(left: &JournalState, exists: bool, class: Class) -> Recovery {
    let Some(action) = left.unfinished.as_deref() else {
        return match (&left.pending_recovery, class) {
            (Some(_), Class::Here) => Recovery::ByTheClass,
            _ => Recovery::Nothing,
        };
    };
    let of_host = HostAction::named(action);
    if matches!(of_host, Some(HostAction::Remove | HostAction::Clear)) && !exists {
        return Recovery::FinishRemoval;
    }
    let class = match (class, of_host, left.committed) {
        (Class::Unknown, ..) => ClassRecovery::Never,
        (Class::Here, ..) => ClassRecovery::Now,
        // An action of its own that did not come to its end: there may be something that only it can set. What the host leads is
        // undone or finished by the record.
        (Class::Gone, None, false) => ClassRecovery::Later,
        (Class::Gone, ..) => ClassRecovery::Never,
    };
    Recovery::ByTheRecord { scope: UndoScope::of_interrupted(left), class }
}

#[cfg(test)]
mod tests {
    use super::{
        Class::{Gone, Here, Unknown},
        ClassRecovery::{Later, Never, Now},
        Recovery::{ByTheClass, ByTheRecord, FinishRemoval, LeaveAlone, Nothing, RemoveAll},
        *,
    };
    use UndoScope::{HeldForAction, WholeAction};

    /// A journal with this unfinished action, committed or not.
    fn during(action: &str, committed: bool) -> JournalState {
        let mut state = JournalState::default();
        state.unfinished = Some(action.to_owned());
        state.committed = committed;
        state
    }

    /// A journal of an action that was cleaned without the class.
    fn waiting_for_the_class() -> JournalState {
        let mut state = JournalState::default();
        state.pending_recovery = Some("resize".to_owned());
        state
    }

    #[test]
    fn an_entry_decides_whatever_else_is_known() {
        for (entry, wanted) in [
            (Entry::Interrupted, RemoveAll { by_name: false }),
            (Entry::Of1x { runs: false }, RemoveAll { by_name: true }),
            (Entry::Of1x { runs: true }, LeaveAlone),
        ] {
            for left in [JournalState::default(), during("create", true), during("resize", false)] {
                for (exists, class) in [(true, Here), (false, Unknown), (true, Gone)] {
                    assert_eq!(decide(Some(entry), &left, exists, class), wanted, "{entry:?} {left:?}");
                }
            }
        }
    }

    #[test]
    fn the_table_of_created_images() {
        let by_record = |scope, class| ByTheRecord { scope, class };
        let ended = JournalState::default;
        for (row, left, exists, class, wanted) in [
            // What has ended.
            (1, ended(), true, Here, Nothing),
            (2, ended(), true, Gone, Nothing),
            (3, ended(), false, Unknown, Nothing),
            // What was cleaned without the class.
            (4, waiting_for_the_class(), true, Here, ByTheClass),
            (5, waiting_for_the_class(), true, Gone, Nothing),
            (6, waiting_for_the_class(), true, Unknown, Nothing),
            // Removals: past the renaming there is only on; before it nothing has happened.
            (7, during("remove", false), false, Unknown, FinishRemoval),
            (8, during("remove", true), false, Unknown, FinishRemoval),
            (9, during("clear", false), false, Unknown, FinishRemoval),
            (10, during("remove", false), true, Here, by_record(WholeAction, Now)),
            (11, during("remove", false), true, Gone, by_record(WholeAction, Never)),
            (12, during("clear", false), true, Unknown, by_record(WholeAction, Never)),
            // Actions of the host.
            (13, during("set kernel", false), true, Here, by_record(WholeAction, Now)),
            (14, during("set kernel", true), true, Here, by_record(HeldForAction, Now)),
            (15, during("set kernel", false), true, Gone, by_record(WholeAction, Never)),
            (16, during("set kernel", true), true, Gone, by_record(HeldForAction, Never)),
            (17, during("set kernel", false), true, Unknown, by_record(WholeAction, Never)),
            // A creation whose entry is gone had done what it was for.
            (18, during("create", true), true, Here, by_record(HeldForAction, Now)),
            (19, during("create", false), false, Unknown, by_record(WholeAction, Never)),
            // Actions of a class.
            (20, during("resize", false), true, Here, by_record(WholeAction, Now)),
            (21, during("resize", true), true, Here, by_record(HeldForAction, Now)),
            (22, during("resize", false), true, Gone, by_record(WholeAction, Later)),
            (23, during("resize", true), true, Gone, by_record(HeldForAction, Never)),
            (24, during("resize", false), true, Unknown, by_record(WholeAction, Never)),
            (25, during("resize", false), false, Unknown, by_record(WholeAction, Never)),
        ] {
            let decided = decide(None, &left, exists, class);
            assert_eq!(decided, wanted, "row {row}");
        }
    }

    #[test]
    fn an_action_on_top_of_one_that_waits_for_the_class_is_recovered_as_any_other() {
        let mut left = during("resize", false);
        left.pending_recovery = Some("mount".to_owned());
        let wanted = ByTheRecord { scope: WholeAction, class: Later };
        assert_eq!(decide(None, &left, true, Gone), wanted);
    }
}
