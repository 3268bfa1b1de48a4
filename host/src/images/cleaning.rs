//! Cleaning: undoing what crashed actions left, from the records alone.

use super::{
    corrupted,
    led::Led,
    manager::ImageManager,
    settling::{Turn, is_for_the_class, to_settle},
};
use crate::{
    failure,
    installations::{Journal, State, image_lock, is_held, journal},
    kernels, module_changes, module_files,
    operation::{
        Operation, Subject, lock_image,
        undo::{self, Which},
    },
    records::{self, refusals::no_such_image},
    system::{
        FileError, files,
        lock::{Lock, LockProbe, Wait},
    },
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{Error, ImageName, Level, Result};
use std::collections::BTreeSet;

/// How a report names the modules directory; no image can have that name.
pub(crate) const MODULES: &str = "@modules";

/// Which way an interrupted action goes.
pub(super) fn direction(left: &State) -> Which {
    if left.committed { Which::HeldForAction } else { Which::Unsettled }
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

impl ImageManager<'_> {
    /// The images with something to clean: CORRUPTED ones, and created ones with an interrupted action, or with one that their
    /// class can settle now that its module is back.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn to_clean(&self) -> Result<Vec<ImageName>> {
        let mut names: BTreeSet<ImageName> = self.records.corrupted()?.into_iter().collect();
        for name in self.records.journalled()? {
            let path = journal::place(&self.site.layout, name.as_str());
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
        Ok(self.records.corrupted()?.iter().map(ToString::to_string).collect())
    }

    fn is_locked(&self, name: &ImageName) -> Result<bool> {
        is_held(&self.site.layout, name).map_err(failure::of)
    }

    /// Cleans the named images, or all there is to clean. One that cannot be cleaned does not stop the others.
    ///
    /// # Errors
    /// When the records cannot be read, or a named image is nowhere.
    pub fn clean(&self, names: &[ImageName]) -> Result<CleanReport> {
        let chosen = if names.is_empty() { self.to_clean()? } else { names.to_vec() };
        let entries = self.records.entries()?;
        for name in names {
            let known = self.records.exists(name)
                || entries.images.contains_key(name)
                || self.records.journalled()?.contains(name);
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
            match module_changes::clean(self.site) {
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
        for names in chosen.chunks(corrupted::AT_A_TIME) {
            let mut crashed = Vec::new();
            for (name, lock, entry) in self.hold_to_clean(names, &mut report)? {
                match entry {
                    Some(entry) => crashed.push((name, lock, entry)),
                    None => self.clean_created(&name, lock, &mut report),
                }
            }
            self.clean_corrupted(crashed, &mut report);
        }
        self.sweep();
        Ok(report)
    }

    /// Cleans an image that is not CORRUPTED.
    fn clean_created(&self, name: &ImageName, lock: Lock, report: &mut CleanReport) {
        match self.after_an_action(name, lock) {
            Ok(Cleaned::Nothing) => {}
            Ok(Cleaned::Done) => report.cleaned.push(name.to_string()),
            Ok(Cleaned::Settled(said)) => {
                report.cleaned.push(name.to_string());
                report.settled.extend(said.map(|said| (name.to_string(), said)));
            }
            Err(error) => report.kept.push((name.to_string(), error)),
        }
    }

    /// Undoes or finishes an action on a created image that did not come to its end.
    fn after_an_action(&self, name: &ImageName, lock: Lock) -> Result<Cleaned> {
        let path = journal::place(&self.site.layout, name.as_str());
        let state = journal::read(&path).map_err(failure::of)?;
        if !state.needs_recovery() {
            if !self.can_be_settled(name, &state) {
                return Ok(Cleaned::Nothing);
            }
            return self.settle(name, &to_settle(&state), lock).map(Cleaned::Settled);
        }
        let led = state.unfinished.as_deref().and_then(Led::named);
        let removal = matches!(led, Some(Led::Remove | Led::Clear));
        if removal && !self.records.exists(name) {
            // Out of service already: what is left of it goes too.
            self.clear_locked(name, state.class, lock)?;
            return Ok(Cleaned::Done);
        }
        let action = to_settle(&state);
        // One whose module is gone has nothing to settle of what the host led, and nothing to wait for.
        let turn = self
            .records
            .class_of(name)
            .map(|class| Turn { action: &action, gone: self.is_gone(&class).then_some(class) })
            .filter(|turn| turn.gone.is_none() || is_for_the_class(&state));
        self.undo_journal(&path, direction(&state), &Subject::Image(name.clone()), turn)?;
        self.settle(name, &action, lock).map(Cleaned::Settled)
    }

    /// Undoes an interrupted change of kernels; false when there was none.
    fn clean_kernels(&self) -> Result<bool> {
        let path = journal::place(&self.site.layout, &Subject::Kernels.to_string());
        // While somebody is at it nothing is left, and an initramfs takes longer than anybody should wait here.
        let at_it = || -> std::result::Result<bool, FileError> {
            let lock = LockProbe::look(&self.site.layout.locks_dir(), kernels::LOCK)?;
            Ok(lock.is_held() || journal::is_held(&path)?)
        };
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

    /// Undoes what a journal has, or finishes it; the action is on record as it was.
    pub(super) fn undone_journal(
        &self,
        path: &journal::Place,
        which: Which,
        subject: &Subject,
    ) -> Result<Journal> {
        let mut journal = Journal::reopen(path).map_err(failure::of)?;
        let in_use = |version: &str| records::is_kernel_used(self.site, version, subject.image());
        undo::undo(&mut journal, &self.site.layout, which, &in_use)
            .map_err(|error| error.told().context(format!("cannot clean {subject}")))?;
        Ok(journal)
    }

    /// Undoes what a journal has, or finishes it, and ends that action; what a class is to settle later goes on record with that.
    pub(super) fn undo_journal(
        &self,
        path: &journal::Place,
        which: Which,
        subject: &Subject,
        turn: Option<Turn<'_>>,
    ) -> Result<()> {
        let mut journal = self.undone_journal(path, which, subject)?;
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

    /// Removes files that say nothing: of locks whose holders were killed, of journals they had not written to yet or no
    /// longer, of registers and modules they had not finished. Nothing is wrong while they are there, so that nothing is said of them.
    fn sweep(&self) {
        let _ = self.site.installations.sweep();
        let _ = crate::exports::sweep(&self.site.layout);
        module_files::remove_leftovers(&self.site.layout.modules_dir());
        let locks = self.site.layout.locks_dir();
        for name in self.records.journalled().unwrap_or_default() {
            let path = journal::place(&self.site.layout, name.as_str());
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
