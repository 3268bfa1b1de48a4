//! A class's turn: what only it can set after an action on a created image was undone or finished by the record.

use crate::{
    failure,
    images::{
        actions::Changed,
        host_action::HostAction,
        manager::{ImageManager, request},
    },
    installations::Journal,
    operation::{Operation, lock_image, with_left},
    system::{
        flush::Together,
        lock::{Lock, Wait},
    },
};
use disklessset_plugin_api::{Error, ErrorKind, Image, ImageName, Level, Result, messages::steps};

impl ImageManager<'_> {
    /// Lets the class of a created image set what follows from what is on disk, now that an action that came to no good end is undone. Its
    /// record is right as far as the host can tell: a class that is gone, or fails, is told of and stops nothing.
    pub(in crate::images) fn recover_by_class(
        &self,
        name: &ImageName,
        action: &str,
        lock: Lock,
    ) -> Result<Option<String>> {
        let Some(image) = self.image_with_its_class(name) else { return Ok(None) };
        let operation = Operation::begin(self.site, name, lock, HostAction::Recover.name(), image.class())?;
        self.recover(operation, image, action)
    }

    fn image_with_its_class(&self, name: &ImageName) -> Option<Image> {
        let image = self.records.load(name).ok()?;
        self.site.classes.module_of(image.class()).is_some().then_some(image)
    }

    fn recover(&self, operation: Operation<'_>, mut image: Image, action: &str) -> Result<Option<String>> {
        let before = image.attributes().clone();
        let mut recovery = request(steps::RECOVER);
        recovery.attrs.insert("action".to_owned(), action.into());
        let outcome = self.step(&operation, &mut image, recovery).and_then(|said| {
            // An action that was refused changes nothing that nodes boot: a boot file of 1.x stays as it is.
            if *image.attributes() != before {
                self.save(&operation, &image, &Changed::of(()))?;
            }
            operation.commit()?;
            Ok(said.as_str().map(str::to_owned))
        });
        match outcome {
            Ok(said) => {
                operation.apply_committed()?;
                // Not before: killed until here, or without room for the line, it has its turn again.
                let _ = operation.on_journal(Journal::recovered);
                operation.succeed().map(|()| said)
            }
            Err(error) => {
                // It had its turn. Without room for the line it has another one.
                let _ = operation.on_journal(Journal::recovered);
                let (error, _lock) = operation.fail(error);
                if error.kind != ErrorKind::NOT_DEFINED {
                    let text = format!(
                        "class {} could not finish what was left of image {}: {error}",
                        image.class(),
                        image.name()
                    );
                    self.site.observer.line(Level::Warning, &text);
                }
                Ok(None)
            }
        }
    }

    /// Ends an action badly and lets the class have its turn: of some actions a part stays, and the record has to agree. Gives back
    /// what the class said. Where something could not be undone the error says so, and the next cleaning recovers it.
    ///
    /// The journal of thousands of exports is neither ended nor read again between the two: whoever stopped the action waits.
    pub(in crate::images) fn fail_and_recover(
        &self,
        operation: Operation<'_>,
        name: &ImageName,
        action: &str,
        error: Error,
    ) -> (Error, Option<String>) {
        // What an earlier action left for the class is more than what this one left.
        let earlier = operation.on_journal(|journal| journal.state().pending_recovery.clone());
        let action = earlier.unwrap_or_else(|| action.to_owned());
        if !operation.reading().module().is_empty() {
            // Best effort, for a disk without room: the turn comes now, and is lost only when we are killed before it.
            let _ = operation.on_journal(|journal| journal.leave_pending_recovery(&action));
        }
        let (error, lock, undone) = operation.fail_and_hand_back(error);
        let Some(journal) = undone else { return (error, None) };
        let recovered = match self.image_with_its_class(name) {
            Some(image) => {
                let class = image.class().to_owned();
                Operation::go_on(self.site, name, lock, journal, HostAction::Recover.name(), &class)
                    .and_then(|operation| self.recover(operation, image, &action))
            }
            None => journal.end().map(|()| None).map_err(failure::of),
        };
        match recovered {
            Ok(said) => (error, said),
            Err(left) => (with_left(error, &left), None),
        }
    }

    /// Ends an action that was refused half way, and lets the class make again what it took away.
    pub(in crate::images) fn put_back(
        &self,
        operation: Operation<'_>,
        name: &ImageName,
        action: HostAction,
        error: Error,
    ) -> Error {
        self.fail_and_recover(operation, name, action.name(), error).0
    }

    /// Lets the class clean what it alone knows of, in an operation of its own, so that this too is on record.
    pub(in crate::images) fn clean_by_class(
        &self,
        name: &ImageName,
        class: &str,
        (lock, journal): (Lock, Journal),
        others: &Together,
    ) -> Result<(Lock, Journal)> {
        if self.site.classes.module_of(class).is_none() {
            let text = format!(
                "the module of class {class} is gone: image {name} is cleaned without it, from what is on record"
            );
            self.site.observer.line(Level::Info, &text);
            return Ok((lock, journal));
        }
        let operation = Operation::go_on(self.site, name, lock, journal, HostAction::Clean.name(), class)?;
        self.clean_class(&operation, class, name);
        operation.hand_back(others)
    }

    /// Has a class clean an image that is nowhere, as after a crash that left nothing; whatever it did is undone by the record.
    ///
    /// # Errors
    /// Those of the class.
    #[doc(hidden)]
    pub fn clean_nothing(&self, class: &str, name: &ImageName) -> Result<()> {
        let lock = lock_image(self.site, name, HostAction::Clean.name(), Wait::No)?;
        let operation = Operation::begin(self.site, name, lock, HostAction::Clean.name(), class)?;
        match self.site.classes.clean(class, name, &operation) {
            Ok(()) => operation.succeed(),
            Err(error) => Err(operation.fail(error).0),
        }
    }
}
