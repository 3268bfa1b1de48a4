//! A class's turn: what only it can set after an action on a created image was undone or finished by the record.

use super::{
    led::Led,
    manager::{ImageManager, request},
};
use crate::{
    installations::{Journal, State},
    operation::Operation,
    system::{flush::Together, lock::Lock},
};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Level, Result, messages::steps};

/// A class's turn that is still to come when an interrupted action is undone or finished by the record.
pub(super) struct Turn<'a> {
    pub(super) action: &'a str,
    /// The class, where its module is gone: then it comes when that is back.
    pub(super) gone: Option<String>,
}

/// Whether there may be something that only the class can settle: an action of its own that did not come to its end. What the host
/// itself leads is undone or finished by the record.
pub(super) fn is_for_the_class(left: &State) -> bool {
    !left.committed && left.unfinished.as_deref().is_some_and(|action| Led::named(action).is_none())
}

/// The action after which a class has its turn: the one that was killed, and not a turn that was killed, too.
pub(super) fn to_settle(left: &State) -> String {
    left.unsettled.clone().or_else(|| left.unfinished.clone()).unwrap_or_default()
}

impl ImageManager<'_> {
    /// Lets the class of a created image set what follows from what is on disk, now that an action that came to no good end is undone. Its
    /// record is right as far as the host can tell: a class that is gone, or fails, is told of and stops nothing.
    pub(super) fn settle(&self, name: &ImageName, action: &str, lock: Lock) -> Result<Option<String>> {
        let Ok(mut image) = self.records.load(name) else { return Ok(None) };
        if self.site.classes.module_of(image.class()).is_none() {
            return Ok(None);
        }
        let operation = Operation::begin(self.site, name, lock, Led::Recover.name(), image.class())?;
        let before = image.attributes().clone();
        let mut recovery = request(steps::RECOVER);
        recovery.attrs.insert("action".to_owned(), action.into());
        let outcome = self.step(&operation, &mut image, recovery).and_then(|said| {
            // An action that was refused changes nothing that nodes boot: a boot file of 1.x stays as it is.
            if *image.attributes() != before {
                self.save(&operation, &image)?;
            }
            operation.commit()?;
            Ok(said.as_str().map(str::to_owned))
        });
        match outcome {
            Ok(said) => {
                operation.put_next()?;
                // Not before: killed until here, or without room for the line, it has its turn again.
                let _ = operation.on_journal(Journal::settled);
                operation.succeed().map(|()| said)
            }
            Err(error) => {
                // It had its turn. Without room for the line it has another one.
                let _ = operation.on_journal(Journal::settled);
                let error = operation.fail(error);
                if error.kind != ErrorKind::NOT_DEFINED {
                    let text = format!("class {} could not settle image {name}: {error}", image.class());
                    self.site.observer.line(Level::Warning, &text);
                }
                Ok(None)
            }
        }
    }

    /// Ends an action badly and lets the class have its turn: of some actions a part stays, and the record has to agree. Gives back
    /// what the class said. Where something could not be undone the error says so, and the next cleaning settles.
    pub(super) fn fail_and_settle(
        &self,
        operation: Operation<'_>,
        name: &ImageName,
        action: &str,
        error: Error,
    ) -> (Error, Option<String>) {
        if !operation.module.is_empty() {
            // Best effort, for a disk without room: the turn comes now, and is lost only when we are killed before it.
            let _ = operation.on_journal(|journal| journal.leave_unsettled(action));
        }
        let error = operation.fail(error);
        let settled = operation.into_lock().and_then(|lock| self.settle(name, action, lock).ok());
        (error, settled.flatten())
    }

    /// Ends an action that was refused half way, and lets the class make again what it took away.
    pub(super) fn put_back(
        &self,
        operation: Operation<'_>,
        name: &ImageName,
        action: Led,
        error: Error,
    ) -> Error {
        self.fail_and_settle(operation, name, action.name(), error).0
    }

    /// Whether the module of a class is gone.
    pub(super) fn is_gone(&self, class: &str) -> bool {
        self.site.classes.module_of(class).is_none()
    }

    /// Whether the class of an image that was cleaned without it can have its turn now.
    pub(super) fn can_be_settled(&self, name: &ImageName, state: &State) -> bool {
        state.unsettled.is_some() && self.records.class_of(name).is_some_and(|class| !self.is_gone(&class))
    }

    /// Lets the class clean what it alone knows of, in an operation of its own, so that this too is on record.
    pub(super) fn clean_by_class(
        &self,
        name: &ImageName,
        class: &str,
        (lock, journal): (Lock, Journal),
        others: &Together,
    ) -> Result<Option<(Lock, Journal)>> {
        if self.site.classes.module_of(class).is_none() {
            let text =
                format!("the module of class {class} is gone: image {name} is cleaned from the record alone");
            self.site.observer.line(Level::Info, &text);
            return Ok(Some((lock, journal)));
        }
        let operation = Operation::go_on(self.site, name, lock, journal, Led::Clean.name(), class)?;
        self.clean_class(&operation, class, name);
        operation.hand_back(others)
    }
}
