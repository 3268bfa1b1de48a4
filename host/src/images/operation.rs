//! One action on one image: its lock, its journal, and what a class may do meanwhile.

use crate::{
    exports::{self, ExportLine},
    failure,
    installations::{
        Effect, Journal, image_lock, journal,
        undo::{self, Which},
    },
    integrity::Digests,
    kernels::{self, StagedKernel},
    no_room,
    site::Site,
    system::{
        atomic_file, files,
        lock::{Lock, LockError, Wait},
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, Hold, Image, ImageName, Level, Result, messages::Exported};
use std::{
    cell::{Cell, RefCell},
    os::unix::fs::MetadataExt,
};

use super::{
    generation::{self, NewFile},
    manifest,
};

/// What an action is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One image.
    Image(ImageName),
    /// The kernels, all together.
    Kernels,
    /// The files of the modules directory, all together.
    Modules,
    /// No single one: a look at the images of a class.
    Overview,
}

impl Subject {
    pub(super) fn image(&self) -> Option<&ImageName> {
        match self {
            Self::Image(name) => Some(name),
            Self::Kernels | Self::Modules | Self::Overview => None,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Image(name) => name.fmt(f),
            // A character that no image name has keeps their journals and logs apart.
            Self::Kernels => f.write_str("@kernels"),
            Self::Modules => f.write_str("@modules"),
            Self::Overview => f.write_str("@overview"),
        }
    }
}

/// An action under way. Dropped without [`Operation::succeed`] or [`Operation::fail`] it commits nothing: what it acquired is
/// on record, and the next cleaning undoes it.
pub(crate) struct Operation<'s> {
    pub(crate) site: &'s Site,
    pub(super) subject: Subject,
    /// The module whose class is at work; it chooses the section of the configuration.
    pub(super) module: String,
    /// Absent for an action that only reads, which acquires nothing, and for one that has ended.
    journal: RefCell<Option<Journal>>,
    pub(crate) staged_kernel: RefCell<Option<StagedKernel>>,
    pub(crate) log: Utf8PathBuf,
    /// Whether systemd has to be told of units.
    pub(super) units_changed: Cell<bool>,
    /// Where the manifest of the next state has the digests of files that stay from.
    pub(super) digests: Cell<Digests>,
    /// Whether the image's directory has come to a next state at once.
    replaced: Cell<bool>,
    /// Held until the operation is dropped: what is done after its end still concerns nobody else.
    lock: Option<Lock>,
}

/// Takes the lock of an image.
pub(super) fn lock_image(site: &Site, name: &ImageName, action: &str, wait: Wait) -> Result<Lock> {
    let what = format!("image {name}");
    let lock = Lock::acquire(&site.layout.locks_dir(), &image_lock(name), &what, action, wait);
    lock.map(Lock::leaving_nothing).map_err(|error| match error {
        LockError::Busy { .. } => {
            failure::with_kind(ErrorKind::BUSY, error).hint("try again later, or with --wait SECONDS")
        }
        LockError::Interrupted(cause) => Error::new(ErrorKind::INTERRUPTED, cause.to_string()),
        other => failure::of(other),
    })
}

impl<'s> Operation<'s> {
    /// Begins an action that changes something: the caller has the image's lock, and the beginning goes on record.
    pub(super) fn begin(
        site: &'s Site,
        name: &ImageName,
        lock: Lock,
        action: &str,
        class: &str,
    ) -> Result<Self> {
        Self::reading(site, name, class).on_record_from_now(lock, action, class)
    }

    /// Begins a change of kernels: the caller has their lock.
    pub(crate) fn begin_on_kernels(site: &'s Site, lock: Lock, action: &str) -> Result<Self> {
        Self::on(site, Subject::Kernels, "").on_record_from_now(lock, action, "")
    }

    /// Begins a change of the modules directory: the caller has its lock.
    pub(crate) fn begin_on_modules(site: &'s Site, lock: Lock, action: &str) -> Result<Self> {
        Self::on(site, Subject::Modules, "").on_record_from_now(lock, action, "")
    }

    fn on_record_from_now(mut self, lock: Lock, action: &str, class: &str) -> Result<Self> {
        let path = journal::path_of(&self.site.layout.journal_dir(), &self.subject.to_string());
        let left = journal::read(&path).map_err(failure::of)?;
        if left.needs_recovery() {
            return Err(Error::refused(format!(
                "{} has something left of an interrupted action",
                self.subject
            ))
            .hint("disklessset clean"));
        }
        let journal = Journal::begin(&path, action, class).map_err(failure::of)?;
        self.journal = RefCell::new(Some(journal));
        self.lock = Some(lock);
        Ok(self)
    }

    /// An action that only reads.
    pub(super) fn reading(site: &'s Site, name: &ImageName, class: &str) -> Self {
        Self::on(site, Subject::Image(name.clone()), class)
    }

    /// A look at the images of a class.
    pub(super) fn overview(site: &'s Site, class: &str) -> Self {
        Self::on(site, Subject::Overview, class)
    }

    fn on(site: &'s Site, subject: Subject, class: &str) -> Self {
        Self {
            site,
            module: site.classes.module_of(class).unwrap_or_default(),
            journal: RefCell::new(None),
            staged_kernel: RefCell::new(None),
            log: site.layout.logs_dir().join(format!("{subject}.log")),
            subject,
            units_changed: Cell::new(false),
            digests: Cell::new(Digests::Carried),
            replaced: Cell::new(false),
            lock: None,
        }
    }

    pub(super) fn on_journal<T>(&self, act: impl FnOnce(&mut Journal) -> T) -> Result<T> {
        match self.journal.borrow_mut().as_mut() {
            Some(journal) => Ok(act(journal)),
            None => Err(Error::refused("this action only reads: it may not acquire anything")),
        }
    }

    /// Whether it may acquire anything; an action that only reads may not.
    pub(super) fn is_on_record(&self) -> bool {
        self.journal.borrow().is_some()
    }

    /// The lock, for what else has to be done under it.
    pub(super) fn into_lock(self) -> Option<Lock> {
        self.lock
    }

    /// Whether this action has the lock of the kernels already.
    pub(crate) fn holds_kernels(&self) -> bool {
        self.subject == Subject::Kernels
    }

    /// A private name beside others in a directory: what is built there is moved out by a rename.
    fn aside(&self, directory: &Utf8Path, what: &str) -> Utf8PathBuf {
        directory.join(format!(".{what}-{}-{}", self.subject, unique()))
    }

    /// Puts an effect on record and makes it happen. One that turns out not to have happened is taken off again: on record
    /// still, it would be undone, which is wrong for what somebody else made.
    pub(crate) fn acquire(
        &self,
        effect: Effect,
        hold: Hold,
        happen: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let sure = !matches!(effect, Effect::Published { .. } | Effect::Trash { .. });
        let number = self.on_journal(|journal| journal.intend(effect, hold))?.map_err(failure::of)?;
        happen().inspect_err(|_| {
            // A rename that fails may have happened, and only its flush to disk failed; these two are known to be ours.
            if sure {
                let _ = self.on_journal(|journal| journal.undone(number));
            }
        })
    }

    /// Makes a new private directory in one of the site's own, for building something aside.
    pub(crate) fn staging(&self, directory: &Utf8Path, what: &str) -> Result<Utf8PathBuf> {
        let path = self.aside(directory, what);
        self.acquire(Effect::Directory { path: path.clone() }, Hold::Action, || {
            atomic_file::create_dir(&path, 0o700).map_err(failure::of)
        })?;
        Ok(path)
    }

    /// What is on record and not undone.
    pub(super) fn on_record(&self, path: &Utf8Path) -> Result<Option<(u64, Effect, Hold)>> {
        self.on_journal(|journal| {
            journal.find(path).map(|open| (open.number, open.effect.clone(), open.hold))
        })
    }

    /// Undoes one acquisition.
    pub(super) fn release(&self, path: &Utf8Path) -> Result<()> {
        let Some((number, effect, _)) = self.on_record(path)? else {
            return Err(Error::refused(format!("{path} is not on record for {}", self.subject)));
        };
        if matches!(effect, Effect::StandingOverlay { .. }) {
            self.units_changed.set(true);
        }
        self.undo_one(&effect)?;
        self.on_journal(|journal| journal.undone(number))
    }

    /// Undoes the mounts on record, newest first.
    pub(super) fn release_mounts(&self) -> Result<()> {
        let open = self.on_journal(|journal| journal.state().open.clone())?;
        let mounts = open.iter().rev().filter_map(|open| match &open.effect {
            Effect::Mount { mount } => Some(mount.target().to_owned()),
            _ => None,
        });
        mounts.into_iter().try_for_each(|target| self.release(&target))
    }

    /// Offers a directory to NFS clients, until the image goes.
    pub(super) fn export(&self, line: &ExportLine) -> Result<()> {
        let layout = &self.site.layout;
        let path = line.path().to_owned();
        // What the same action was to end goes on.
        if let Some(number) = self.withdrawn_on_record(&path)? {
            self.on_journal(|journal| journal.undone(number))?;
        }
        let now = exports::list(layout).map_err(failure::of)?;
        let entry = now.iter().find(|entry| entry.path == path);
        let previous = entry.map(|entry| line.with_clients(&entry.clients));
        let text = line.to_string();
        if previous.as_ref() == Some(&text) && self.exported_on_record(&path)?.is_some() {
            return Ok(());
        }
        self.acquire(Effect::Export { path: path.clone(), previous }, Hold::Image, || {
            exports::set(layout, &path, Some(&text), &|text| self.site.observer.line(Level::Warning, text))
                .map(drop)
                .map_err(failure::of)
        })
    }

    /// What is offered when the action is committed.
    pub(super) fn exports(&self) -> Result<Vec<Exported>> {
        let mut now = exports::list(&self.site.layout).map_err(failure::of)?;
        if let Some(journal) = self.journal.borrow().as_ref() {
            let goes = |open: &journal::Open, path: &Utf8Path| matches!(&open.effect, Effect::Withdrawn { path: at } if at == path);
            now.retain(|entry| !journal.state().open.iter().any(|open| goes(open, &entry.path)));
        }
        Ok(now)
    }

    /// No longer offers a directory once the action is committed: what the record says of exports and what is offered come
    /// to be together. Tells whether it was offered.
    pub(super) fn withdraw_at_the_end(&self, path: &Utf8Path) -> Result<bool> {
        self.on_journal(|_| ())?;
        let offered = self.exports()?.iter().any(|entry| entry.path == path);
        if offered {
            self.acquire(Effect::Withdrawn { path: path.to_owned() }, Hold::Action, || Ok(()))?;
        }
        Ok(offered)
    }

    fn withdrawn_on_record(&self, path: &Utf8Path) -> Result<Option<u64>> {
        self.on_journal(|journal| {
            let own = |effect: &Effect| matches!(effect, Effect::Withdrawn { path: at } if at == path);
            journal.state().open.iter().find(|open| own(&open.effect)).map(|open| open.number)
        })
    }

    /// No longer offers a directory, at once, whether or not it is on record; tells whether it was offered.
    pub(super) fn withdraw(&self, path: &Utf8Path) -> Result<bool> {
        let warn = |text: &str| self.site.observer.line(Level::Warning, text);
        // A reader that may not acquire anything may not change exports either.
        self.on_journal(|_| ())?;
        let was = exports::set(&self.site.layout, path, None, &warn).map_err(failure::of)?;
        self.on_journal(|journal| journal.export_undone(path))?;
        Ok(was.is_some())
    }

    /// No longer offers anything below the directories of an image.
    pub(super) fn withdraw_below(&self, directories: &[Utf8PathBuf]) -> Result<()> {
        let layout = &self.site.layout;
        for entry in exports::list(layout).map_err(failure::of)? {
            if directories.iter().any(|directory| entry.path.starts_with(layout.published(directory))) {
                self.withdraw(&entry.path)?;
            }
        }
        Ok(())
    }

    fn exported_on_record(&self, path: &Utf8Path) -> Result<Option<u64>> {
        self.on_journal(|journal| {
            let own = |effect: &Effect| matches!(effect, Effect::Export { path: at, .. } if at == path);
            journal.state().open.iter().find(|open| own(&open.effect)).map(|open| open.number)
        })
    }

    fn undo_one(&self, effect: &Effect) -> Result<()> {
        undo::undo_effect(effect, &self.site.layout, &|version| {
            kernels::is_used(self.site, version, self.subject.image())
        })
        .map_err(undo::UndoError::told)
    }

    /// Renames something finished into its served place, on record by its inode first.
    pub(crate) fn publish_new(&self, from: &Utf8Path, to: &Utf8Path, kernel: Option<&str>) -> Result<()> {
        let meta = std::fs::symlink_metadata(from)
            .map_err(|cause| Error::failed(format!("cannot look at {from}")).because(cause))?;
        let effect = Effect::Published {
            path: to.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
            kernel: kernel.map(str::to_owned),
        };
        self.acquire(effect, Hold::Action, || atomic_file::rename_noreplace(from, to).map_err(failure::of))
    }

    /// Takes something out of service by one rename; it is deleted when the action ends. From there on there is no way back,
    /// only on: an interrupted removal is finished by the next cleaning.
    ///
    /// When it fails with the thing in service still, the action has ended.
    pub(super) fn retire(&self, path: &Utf8Path, directory: &Utf8Path) -> Result<()> {
        let trash = self.aside(directory, "trash");
        let renamed = self.acquire(Effect::Trash { path: trash.clone() }, Hold::Action, || {
            atomic_file::rename_noreplace(path, &trash).map_err(failure::of)
        });
        let in_service = path.symlink_metadata().is_ok();
        renamed.map_err(|error| if in_service { self.fail(error) } else { error })
    }

    /// Puts on record what goes when the action ends well.
    pub(crate) fn doom(&self, path: Utf8PathBuf) -> Result<()> {
        self.acquire(Effect::Doomed { path }, Hold::Action, || Ok(()))
    }

    /// Builds the next state of an image's directory, with its manifest, in a directory aside.
    fn build_next(&self, image: &Image, files: &[(&str, NewFile<'_>)]) -> Result<Utf8PathBuf> {
        let aside = self.staging(&self.site.layout.images_dir(), "next")?;
        generation::prepare(image.directory(), &aside, files).map_err(failure::of)?;
        let new: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let signer = self.site.signer();
        let say = |level, text: &str| self.say(level, text);
        manifest::write_next(image.directory(), &aside, &new, self.digests.get(), signer.as_ref(), &say)?;
        Ok(aside)
    }

    /// Brings an image's directory to its next state in one step.
    pub(super) fn replace_files(&self, image: &Image, new: &[(&str, NewFile<'_>)]) -> Result<()> {
        let aside = self.build_next(image, new)?;
        files::exchange(&aside, image.directory()).map_err(failure::of)?;
        self.replaced.set(true);
        // The next state is in service. The old one stays on record where it cannot be removed now, and goes at the end.
        let _ = self.release(&aside);
        Ok(())
    }

    /// Builds the next state of an image's directory, which comes into service when the action is committed: then what the
    /// action did elsewhere and what the record says of it cannot disagree.
    pub(super) fn prepare_next(&self, image: &Image, files: &[(&str, NewFile<'_>)]) -> Result<()> {
        let aside = self.build_next(image, files)?;
        self.exchange_at_end(&aside, image.directory())
    }

    /// Has what is ready aside change places with what is in service when the action is committed.
    pub(crate) fn exchange_at_end(&self, aside: &Utf8Path, path: &Utf8Path) -> Result<()> {
        let meta = std::fs::symlink_metadata(aside)
            .map_err(|cause| Error::failed(format!("cannot look at {aside}")).because(cause))?;
        let effect = Effect::Next { path: path.to_owned(), aside: aside.to_owned(), inode: meta.ino() };
        self.acquire(effect, Hold::Action, || Ok(()))
    }

    /// Puts the state that was prepared in service, and ends the exports that were to end. The action is committed: there is no
    /// way back.
    pub(crate) fn put_next(&self) -> Result<()> {
        let open = self.on_journal(|journal| journal.state().open.clone())?;
        for open in open {
            let put = match &open.effect {
                Effect::Next { path, aside, inode } => {
                    undo::put_next(path, aside, *inode).map_err(failure::of)
                }
                Effect::Withdrawn { path } => self.withdraw(path).map(drop),
                _ => continue,
            };
            put.map_err(|error| {
                error
                    .context(format!("{} is not in its new state yet", self.subject))
                    .hint("disklessset clean")
            })?;
            self.on_journal(|journal| journal.undone(open.number))?;
        }
        Ok(())
    }

    /// Puts on record that the action has done what it was for. Whatever stops it from here on, what it published stays.
    pub(crate) fn commit(&self) -> Result<()> {
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

    /// Whether the next state of the image is in service already, and all that is still on record goes in either case, committed or
    /// not.
    fn is_in_service(&self) -> bool {
        let goes =
            |open: &journal::Open| open.settled || open.hold == Hold::Action && open.effect.goes_either_way();
        self.replaced.get()
            && self.on_journal(|journal| journal.state().open.iter().all(goes)).unwrap_or(false)
    }

    /// Ends the action well: what was held for its length is undone, the rest stays.
    pub(crate) fn succeed(&self) -> Result<()> {
        self.tell_of_units();
        let Some(mut journal) = self.journal.take() else { return Ok(()) };
        // Best effort where nobody asked for it before: without the line an end in the middle of this undoes what is held.
        let _ = journal.commit();
        let in_use = |version: &str| kernels::is_used(self.site, version, self.subject.image());
        undo::undo(&mut journal, &self.site.layout, Which::HeldForAction, &in_use)
            .map_err(undo::UndoError::told)?;
        journal.end().map_err(failure::of)
    }

    /// Ends an action after which nothing is left of its subject: all that is on record is undone.
    pub(super) fn undo_everything(&self) -> Result<()> {
        self.tell_of_units();
        let Some(mut journal) = self.journal.take() else { return Ok(()) };
        let in_use = |version: &str| kernels::is_used(self.site, version, self.subject.image());
        undo::undo(&mut journal, &self.site.layout, Which::Everything, &in_use)
            .map_err(undo::UndoError::told)?;
        journal.settled().map_err(failure::of)?;
        journal.end().map_err(failure::of)
    }

    /// Ends the action badly: everything it acquired is undone. Gives back the error, with what could not be undone.
    pub(crate) fn fail(&self, error: Error) -> Error {
        self.tell_of_units();
        let Some(mut journal) = self.journal.take() else { return error };
        // Before anything is taken back: then there is room again.
        let error = no_room::explained(error, &self.site.layout, &journal.places());
        let in_use = |version: &str| kernels::is_used(self.site, version, self.subject.image());
        let undone = undo::undo(&mut journal, &self.site.layout, Which::Unsettled, &in_use)
            .map_err(undo::UndoError::told)
            .and_then(|()| journal.end().map_err(failure::of));
        match undone {
            Ok(()) => error,
            Err(left) => {
                error.because(format!("what it left could not be cleaned: {left}")).hint("disklessset clean")
            }
        }
    }
}

/// A name nobody else has: the process and a counter of its own, and the clock against leftovers of earlier processes.
pub(crate) fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let clock =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{:x}-{:x}-{:x}", std::process::id(), clock, NEXT.fetch_add(1, Ordering::Relaxed))
}
