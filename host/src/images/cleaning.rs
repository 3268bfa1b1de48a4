//! Cleaning: undoing what crashed actions left, from the records alone.

use super::{
    led::Led,
    manager::{ImageManager, being_created, no_such_image, request},
    operation::{Operation, Subject, lock_image},
};
use crate::{
    failure,
    installations::{
        Effect, Journal, State, image_lock, journal,
        undo::{self, Which},
    },
    kernels, modules,
    system::{
        files,
        lock::{Lock, LockProbe, Wait},
    },
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{Error, ErrorKind, Hold, ImageName, Level, Mount, Result, messages::steps};
use std::collections::BTreeSet;

/// How a report names the modules directory; no image can have that name.
pub(crate) const MODULES: &str = "@modules";

/// Which way an interrupted action goes.
fn direction(left: &State) -> Which {
    if left.committed { Which::HeldForAction } else { Which::Unsettled }
}

/// Whether there may be something that only the class can settle: an action of its own that did not come to its end. What the host
/// itself leads is undone or finished by the record.
fn is_for_the_class(left: &State) -> bool {
    !left.committed && left.unfinished.as_deref().is_some_and(|action| Led::named(action).is_none())
}

/// The action after which a class has its turn: the one that was killed, and not a turn that was killed, too.
fn to_settle(left: &State) -> String {
    left.unsettled.clone().or_else(|| left.unfinished.clone()).unwrap_or_default()
}

/// What a cleaning did.
#[derive(Debug, Default)]
pub struct CleanReport {
    /// The images whose leftovers are gone.
    pub cleaned: Vec<String>,
    /// What classes said of images that are in service still: which part of an interrupted action stays.
    pub settled: Vec<(String, String)>,
    /// The images where something stays, and why.
    pub kept: Vec<(String, Error)>,
}

/// What the cleaning of one image came to.
enum Cleaned {
    /// There was nothing to clean.
    Nothing,
    /// What was left is gone.
    Done,
    /// The same, and the image is in service; its class may have said something about it.
    Settled(Option<String>),
}

/// A class's turn that is still to come when an interrupted action is undone or finished by the record.
struct Turn<'a> {
    action: &'a str,
    /// The class, where its module is gone: then it comes when that is back.
    gone: Option<String>,
}

impl ImageManager<'_> {
    /// The images with something to clean: CORRUPTED ones, and created ones with an interrupted action, or with one that their
    /// class can settle now that its module is back.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn to_clean(&self) -> Result<Vec<ImageName>> {
        let mut names: BTreeSet<ImageName> = self.corrupted_images()?.into_iter().collect();
        for name in self.journalled()? {
            let path = journal::path_of(&self.site.layout.journal_dir(), name.as_str());
            let left = || -> Result<bool> {
                let state = journal::read(&path).map_err(failure::of)?;
                Ok(state.needs_recovery() || self.can_be_settled(&name, &state))
            };
            // Read again once nobody is at it: it may have come to its end between the two looks.
            if left()? && !self.is_locked(&name)? && left()? {
                names.insert(name);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The names of CORRUPTED images.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub fn corrupted(&self) -> Result<Vec<String>> {
        Ok(self.corrupted_images()?.iter().map(ToString::to_string).collect())
    }

    fn is_locked(&self, name: &ImageName) -> Result<bool> {
        LockProbe::look(&self.site.layout.locks_dir(), &image_lock(name))
            .map(|probe| probe.is_held())
            .map_err(failure::of)
    }

    pub(super) fn journalled(&self) -> Result<Vec<ImageName>> {
        let directory = self.site.layout.journal_dir();
        let found = match directory.read_dir_utf8() {
            Ok(found) => found,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(Error::failed(format!("cannot read {directory}")).because(cause)),
        };
        let name_of =
            |entry: &camino::Utf8DirEntry| ImageName::parse(entry.file_name().strip_suffix(".jsonl")?).ok();
        Ok(found.flatten().filter_map(|entry| name_of(&entry)).collect())
    }

    /// Cleans the named images, or all there is to clean. One that cannot be cleaned does not stop the others.
    ///
    /// # Errors
    /// When the records cannot be read, or a named image is nowhere.
    pub fn clean(&self, names: &[ImageName]) -> Result<CleanReport> {
        let chosen = if names.is_empty() { self.to_clean()? } else { names.to_vec() };
        let entries = self.entries()?;
        for name in names {
            let known =
                self.exists(name) || entries.images.contains_key(name) || self.journalled()?.contains(name);
            if !known {
                return Err(no_such_image(name));
            }
        }
        let mut report = CleanReport::default();
        if names.is_empty() {
            match self.clean_kernels() {
                Ok(true) => report.cleaned.push("kernels".to_owned()),
                Ok(false) => {}
                Err(error) => report.kept.push(("kernels".to_owned(), error)),
            }
        }
        if names.is_empty() {
            match modules::clean(self.site) {
                Ok(Some(said)) => {
                    report.cleaned.push(MODULES.to_owned());
                    report.settled.push((MODULES.to_owned(), said));
                }
                Ok(None) => {}
                Err(error) => report.kept.push((MODULES.to_owned(), error)),
            }
        }
        if !chosen.is_empty() {
            self.site.prepare()?;
        }
        for name in chosen {
            match self.clean_one(&name) {
                Ok(Cleaned::Nothing) => {}
                Ok(Cleaned::Done) => report.cleaned.push(name.to_string()),
                Ok(Cleaned::Settled(said)) => {
                    report.cleaned.push(name.to_string());
                    report.settled.extend(said.map(|said| (name.to_string(), said)));
                }
                Err(error) => report.kept.push((name.to_string(), error)),
            }
        }
        self.sweep();
        Ok(report)
    }

    /// Cleans one image.
    fn clean_one(&self, name: &ImageName) -> Result<Cleaned> {
        let lock = lock_image(self.site, name, Led::Clean.name(), Wait::No)?;
        let entry = self.entries()?.images.remove(name);
        let path = journal::path_of(&self.site.layout.journal_dir(), name.as_str());
        let state = journal::read(&path).map_err(failure::of)?;
        let Some(entry) = entry else {
            if !state.needs_recovery() {
                if !self.can_be_settled(name, &state) {
                    return Ok(Cleaned::Nothing);
                }
                return self.settle(name, &to_settle(&state), lock).map(Cleaned::Settled);
            }
            let led = state.unfinished.as_deref().and_then(Led::named);
            let removal = matches!(led, Some(Led::Remove | Led::Clear));
            if removal && !self.exists(name) {
                // Out of service already: what is left of it goes too.
                self.clear_locked(name, state.class, lock)?;
                return Ok(Cleaned::Done);
            }
            let action = to_settle(&state);
            // One whose module is gone has nothing to settle of what the host led, and nothing to wait for.
            let turn = self
                .class_of(name)
                .map(|class| Turn { action: &action, gone: self.is_gone(&class).then_some(class) })
                .filter(|turn| turn.gone.is_none() || is_for_the_class(&state));
            self.undo_journal(&path, direction(&state), &Subject::Image(name.clone()), turn)?;
            return self.settle(name, &action, lock).map(Cleaned::Settled);
        };
        if entry.is_legacy() && self.site.installations.is_running(name, &entry) {
            return Err(being_created(name, entry.pid));
        }
        if path.exists() {
            self.undo_journal(&path, Which::Unsettled, &Subject::Image(name.clone()), None)?;
        }
        let lock = self.clean_by_class(name, &entry.image_class, lock)?;
        if entry.is_legacy() {
            // 1.x kept no journal: what it may have left follows from the name.
            self.remove_by_name(name)?;
        }
        self.site.installations.end(name).map_err(failure::of)?;
        drop(lock);
        Ok(Cleaned::Done)
    }

    /// Lets the class of a created image set what follows from what is on disk, now that an action that came to no good end is undone. Its
    /// record is right as far as the host can tell: a class that is gone, or fails, is told of and stops nothing.
    pub(super) fn settle(&self, name: &ImageName, action: &str, lock: Lock) -> Result<Option<String>> {
        let Ok(mut image) = self.load(name) else { return Ok(None) };
        if self.site.classes.module_of(image.class()).is_none() {
            return Ok(None);
        }
        let operation = Operation::begin(self.site, name, lock, Led::Recover.name(), image.class())?;
        let mut recovery = request(steps::RECOVER);
        recovery.attrs.insert("action".to_owned(), action.into());
        let outcome = self.step(&operation, &mut image, recovery).and_then(|said| {
            self.register_image(&operation, &image)?;
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

    /// Undoes an interrupted change of kernels; false when there was none.
    fn clean_kernels(&self) -> Result<bool> {
        let path = journal::path_of(&self.site.layout.journal_dir(), &Subject::Kernels.to_string());
        // While somebody is at it nothing is left, and an initramfs takes longer than anybody should wait here.
        let at_it =
            || LockProbe::look(&self.site.layout.locks_dir(), kernels::LOCK).map(|probe| probe.is_held());
        if !path.exists() || at_it().map_err(failure::of)? {
            return Ok(false);
        }
        let lock = kernels::lock(self.site)?;
        let state = journal::read(&path).map_err(failure::of)?;
        if state.is_blank() {
            files::remove_file(&path).map_err(failure::of)?;
        }
        if state.needs_recovery() {
            self.undo_journal(&path, direction(&state), &Subject::Kernels, None)?;
        }
        drop(lock);
        Ok(state.needs_recovery())
    }

    /// The class of a created image.
    fn class_of(&self, name: &ImageName) -> Option<String> {
        Some(self.load(name).ok()?.class().to_owned())
    }

    /// Whether the module of a class is gone.
    fn is_gone(&self, class: &str) -> bool {
        self.site.classes.module_of(class).is_none()
    }

    /// Whether the class of an image that was cleaned without it can have its turn now.
    fn can_be_settled(&self, name: &ImageName, state: &State) -> bool {
        state.unsettled.is_some() && self.class_of(name).is_some_and(|class| !self.is_gone(&class))
    }

    /// Undoes what a journal has, or finishes it; what a class is to settle later goes on record with that.
    fn undo_journal(
        &self,
        path: &Utf8PathBuf,
        which: Which,
        subject: &Subject,
        turn: Option<Turn<'_>>,
    ) -> Result<()> {
        let mut journal = Journal::reopen(path).map_err(failure::of)?;
        let in_use = |version: &str| kernels::is_used(self.site, version, subject.image());
        undo::undo(&mut journal, &self.site.layout, which, &in_use)
            .map_err(|error| error.told().context(format!("cannot clean {subject}")))?;
        if let Some(Turn { action, gone }) = turn {
            journal.leave_unsettled(action).map_err(failure::of)?;
            if let Some(class) = gone {
                let text = format!(
                    "the module of class {class} is gone: {action} of {subject} is cleaned from the record \
                     alone, and settled when the module is back"
                );
                self.site.observer.line(Level::Warning, &text);
            }
        }
        journal.end().map_err(failure::of)
    }

    /// Lets the class clean what it alone knows of, in an operation of its own, so that this too is on record.
    fn clean_by_class(&self, name: &ImageName, class: &str, lock: Lock) -> Result<Option<Lock>> {
        if self.site.classes.module_of(class).is_none() {
            let text =
                format!("the module of class {class} is gone: image {name} is cleaned from the record alone");
            self.site.observer.line(Level::Info, &text);
            return Ok(Some(lock));
        }
        let operation = Operation::begin(self.site, name, lock, Led::Clean.name(), class)?;
        self.clean_class(&operation, class, name);
        operation.succeed()?;
        Ok(operation.into_lock())
    }

    /// Has a class clean an image that is nowhere, as after a crash that left nothing; whatever it did is settled by the record.
    ///
    /// # Errors
    /// Those of the class.
    pub(crate) fn clean_nothing(&self, class: &str, name: &ImageName) -> Result<()> {
        let lock = lock_image(self.site, name, Led::Clean.name(), Wait::No)?;
        let operation = Operation::begin(self.site, name, lock, Led::Clean.name(), class)?;
        match self.site.classes.clean(class, name, &operation) {
            Ok(()) => operation.succeed(),
            Err(error) => Err(operation.fail(error)),
        }
    }

    /// Removes all that a name can have, outside of any record; what is mounted there stops it.
    fn remove_by_name(&self, name: &ImageName) -> Result<()> {
        self.unmount_by_name(name)?;
        for directory in self.site.layout.directories_of(name.as_str()) {
            undo::remove(&directory, &self.site.layout).map_err(undo::UndoError::told)?;
        }
        Ok(())
    }

    /// Takes away the mounts of an image that 1.x mounted for editing; others stay.
    fn unmount_by_name(&self, name: &ImageName) -> Result<()> {
        let tree = self.site.layout.image_workdir(name.as_str()).join("mnt");
        for mount in
            [Mount::System { target: tree.clone() }, Mount::Bind { source: Utf8PathBuf::new(), target: tree }]
        {
            undo::unmount(&mount).map_err(undo::UndoError::told)?;
        }
        Ok(())
    }

    /// The last resort: removes all that is known of an image whatever its state, without its class if need be.
    ///
    /// # Errors
    /// When it is being created, nothing of that name is there, or something is mounted inside by somebody else.
    pub fn clear(&self, name: &ImageName) -> Result<()> {
        let entries = self.entries()?;
        let known = self.exists(name)
            || entries.images.contains_key(name)
            || self.journalled()?.contains(name)
            || self.site.layout.image_workdir(name.as_str()).symlink_metadata().is_ok();
        if !known {
            return Err(no_such_image(name));
        }
        self.site.prepare()?;
        let lock = lock_image(self.site, name, Led::Clear.name(), self.site.wait)?;
        let entry = self.entries()?.images.remove(name);
        if let Some(entry) = &entry
            && entry.is_legacy()
            && self.site.installations.is_running(name, entry)
        {
            return Err(being_created(name, entry.pid));
        }
        let class = entry
            .map(|entry| entry.image_class)
            .or_else(|| self.load(name).ok().map(|image| image.class().to_owned()));
        self.clear_locked(name, class, lock)
    }

    /// Takes what there is of an image out of service by one rename, then removes it with all that is on record and all that
    /// follows from the name. Refused before that when something is mounted in it that is not the image's own.
    fn clear_locked(&self, name: &ImageName, class: Option<String>, lock: Lock) -> Result<()> {
        let layout = &self.site.layout;
        let path = journal::path_of(&layout.journal_dir(), name.as_str());
        let left = journal::read(&path).map_err(failure::of)?;
        if left.needs_recovery() {
            self.undo_journal(&path, direction(&left), &Subject::Image(name.clone()), None)?;
        }
        let class = class.unwrap_or_default();
        let operation = Operation::begin(self.site, name, lock, Led::Clear.name(), &class)?;
        let freed = operation
            .take_down_overlays()
            .and_then(|()| operation.release_mounts())
            .and_then(|()| self.unmount_by_name(name))
            .and_then(|()| self.must_not_be_mounted(name, &class));
        if let Err(error) = freed {
            return Err(self.put_back(operation, name, Led::Clear, error));
        }
        let served = layout.image_dir(name.as_str());
        if served.symlink_metadata().is_ok() {
            operation.retire(&served, &layout.images_dir())?;
        }
        self.clean_class(&operation, &class, name);
        operation.withdraw_below(&layout.directories_of(name.as_str()))?;
        for directory in layout.directories_of(name.as_str()) {
            if directory.symlink_metadata().is_ok() {
                operation.acquire(Effect::Trash { path: directory }, Hold::Action, || Ok(()))?;
            }
        }
        operation.undo_everything()?;
        self.site.installations.end(name).map_err(failure::of)
    }

    /// Removes files that say nothing: of locks whose holders were killed, of journals they had not written to yet or no
    /// longer, of registers and modules they had not finished. Nothing is wrong while they are there, so that nothing is said of them.
    fn sweep(&self) {
        let _ = self.site.installations.sweep();
        let _ = crate::exports::sweep(&self.site.layout);
        crate::modules::install::remove_leftovers(&self.site.layout.modules_dir());
        let locks = self.site.layout.locks_dir();
        for name in self.journalled().unwrap_or_default() {
            let path = journal::path_of(&self.site.layout.journal_dir(), name.as_str());
            let untidy = || journal::is_untidy(&path).unwrap_or(false);
            if untidy()
                && let Ok(Some(_lock)) = Lock::for_a_moment(&locks, &image_lock(&name))
                && untidy()
            {
                let _ = Journal::reopen(&path).and_then(Journal::end);
            }
        }
        for entry in locks.read_dir_utf8().into_iter().flatten().flatten() {
            let name = entry.file_name().strip_suffix(".lock").filter(|name| name.starts_with("image-"));
            if let Some(name) = name {
                drop(Lock::for_a_moment(&locks, name));
            }
        }
    }

    /// Where the log of an image's actions lies.
    pub fn log_path(&self, name: &ImageName) -> Utf8PathBuf {
        self.site.layout.logs_dir().join(format!("{name}.log"))
    }
}
