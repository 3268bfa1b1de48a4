//! Cleaning: undoing what crashed actions left, from the records alone.

use super::{
    host_action::HostAction,
    manager::ImageManager,
    recovery::{AT_A_TIME, Crashed, Recovered, Recovery},
};
use crate::{
    failure,
    installations::{Entries, Installation, Journal, image_lock, is_held, journal},
    kernels, module_changes, module_files,
    operation::{Subject, lock_image, undo::UndoScope},
    records::refusals::{being_created, no_such_image},
    system::{
        FileError, files,
        lock::{Lock, LockProbe, Wait},
    },
};
use disklessset_plugin_api::{Error, ImageName, Result};
use std::collections::BTreeSet;

/// How a report names the modules directory; no image can have that name.
pub const MODULES: &str = "@modules";

/// What a cleaning did.
#[derive(Debug, Default)]
pub struct CleanReport {
    /// The images whose leftovers are gone.
    pub cleaned: Vec<String>,
    /// What classes said of images that are in service still: which part of an interrupted action stays.
    pub recovered: Vec<(String, String)>,
    /// The images where something stays, and why.
    pub kept: Vec<(String, Error)>,
}

impl CleanReport {
    /// Adds what became of a created image.
    fn add(&mut self, name: &ImageName, outcome: Result<Recovered>) {
        match outcome {
            Ok(Recovered::Nothing) => {}
            Ok(Recovered::Removed) => self.cleaned.push(name.to_string()),
            Ok(Recovered::InService(said)) => {
                self.cleaned.push(name.to_string());
                self.recovered.extend(said.map(|said| (name.to_string(), said)));
            }
            Err(error) => self.kept.push((name.to_string(), error)),
        }
    }
}

impl ImageManager<'_> {
    /// The images with something to clean: CORRUPTED ones, and created ones with an interrupted action, or with one that their
    /// class can recover now that its module is back.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn to_clean(&self) -> Result<Vec<ImageName>> {
        let mut names: BTreeSet<ImageName> = self.records.corrupted()?.into_iter().collect();
        for name in self.records.journalled()? {
            let left = || self.known_of(&name, None).map(|known| known.needs_recovery());
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
        let subject = names.iter().map(ImageName::as_str).collect::<Vec<_>>().join(" ");
        self.site.observed(HostAction::Clean.name(), &subject, || self.clean_images(names))
    }

    fn clean_images(&self, names: &[ImageName]) -> Result<CleanReport> {
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
                    report.recovered.push((MODULES.to_owned(), said));
                }
                Ok(None) => {}
                Err(error) => report.kept.push((MODULES.to_owned(), error)),
            }
        }
        if !chosen.is_empty() {
            self.site.prepare()?;
        }
        for names in chosen.chunks(AT_A_TIME) {
            self.clean_some(names, &mut report)?;
        }
        self.sweep();
        self.bound_bases();
        Ok(report)
    }

    /// Cleans as many images as have their locks held at a time.
    fn clean_some(&self, names: &[ImageName], report: &mut CleanReport) -> Result<()> {
        let mut crashed = Vec::new();
        for (name, lock, entry) in self.hold_to_clean(names, report)? {
            let known = match self.known_of(&name, entry.as_ref()) {
                Ok(known) => known,
                Err(error) => {
                    report.kept.push((name.to_string(), error));
                    continue;
                }
            };
            match (known.recovery(), entry) {
                (Recovery::LeaveAlone, Some(entry)) => {
                    report.kept.push((name.to_string(), being_created(&name, &entry)));
                }
                (Recovery::RemoveAll { by_name }, Some(entry)) => {
                    crashed.push(Crashed { name, lock, class: entry.image_class, by_name });
                }
                (decided, _) => report.add(&name, self.carry_out(decided, &name, known, lock)),
            }
        }
        self.remove_crashed(crashed, report);
        Ok(())
    }

    /// Takes the locks of images, and reads the register once they are held.
    fn hold_to_clean(
        &self,
        names: &[ImageName],
        report: &mut CleanReport,
    ) -> Result<Vec<(ImageName, Lock, Option<Installation>)>> {
        let mut held = Vec::new();
        for name in names {
            match lock_image(self.site, name, HostAction::Clean.name(), Wait::No) {
                Ok(lock) => held.push((name.clone(), lock)),
                Err(error) => report.kept.push((name.to_string(), error)),
            }
        }
        let mut entries: Entries = self.records.entries()?;
        Ok(held
            .into_iter()
            .map(|(name, lock)| {
                let entry = entries.images.remove(&name);
                (name, lock, entry)
            })
            .collect())
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
            self.undo_journal(&path, &Subject::Kernels, UndoScope::of_interrupted(&state), None)?;
        }
        drop(lock);
        Ok(state.needs_recovery())
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
}
