//! One action on one image: its lock, its journal, and what a class may do meanwhile.

mod edited;
mod ending;
mod exports;
mod service;
mod subject;

pub(crate) use subject::Subject;

use crate::{
    failure,
    images::mounts_of_1x,
    installations::{
        Effect, Journal, image_lock, journal,
        seen::{self, Seen},
        undo,
    },
    integrity::Digests,
    kernels::{self, StagedKernel},
    site::Site,
    system::{
        atomic_file,
        limits::Spare,
        lock::{Lock, LockError, Wait},
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, Hold, ImageName, Level, Result};
use std::cell::{Cell, RefCell};

/// An action under way. Dropped without [`Operation::succeed`] or [`Operation::fail`] it commits nothing: what it acquired is
/// on record, and the next cleaning undoes it.
pub(crate) struct Operation<'s> {
    pub(crate) site: &'s Site,
    pub(in crate::images) subject: Subject,
    /// The module whose class is at work; it chooses the section of the configuration.
    pub(in crate::images) module: String,
    /// Absent for an action that only reads, which acquires nothing, and for one that has ended.
    journal: RefCell<Option<Journal>>,
    pub(crate) staged_kernel: RefCell<Option<StagedKernel>>,
    pub(crate) log: Utf8PathBuf,
    /// Whether systemd has to be told of units.
    pub(in crate::images) units_changed: Cell<bool>,
    /// Whether mounts of the image went that a class would have to make again.
    pub(in crate::images) mounts_changed: Cell<bool>,
    /// Where the manifest of the next state has the digests of files that stay from.
    pub(in crate::images) digests: Cell<Digests>,
    /// Whether the image's directory has come to a next state at once.
    replaced: Cell<bool>,
    /// Let go when it ends: taking back what it did never lacks a descriptor.
    pub(in crate::images) spare: Cell<Spare>,
    /// Whether a command that ran for the user failed: then the action changes nothing, the boot file of an older version neither.
    pub(in crate::images) failed_inside: Cell<bool>,
    /// Lines of exports that come and go at its end.
    wanted: RefCell<exports::Wanted>,
    /// Whether it only finds out what would be refused.
    rehearsal: bool,
    /// Held until the operation is dropped: what is done after its end still concerns nobody else.
    lock: Option<Lock>,
}

/// Takes the lock of an image.
pub(in crate::images) fn lock_image(site: &Site, name: &ImageName, action: &str, wait: Wait) -> Result<Lock> {
    let what = format!("image {name}");
    let lock = Lock::acquire(&site.layout.locks_dir(), &image_lock(name), &what, action, wait);
    let lock = lock.map(Lock::leaving_nothing).map_err(|error| match error {
        LockError::Busy { .. } => {
            failure::with_kind(ErrorKind::BUSY, error).hint("try again later, or with --wait SECONDS")
        }
        LockError::Interrupted(cause) => Error::new(ErrorKind::INTERRUPTED, cause.to_string()),
        other => failure::of(other),
    })?;
    // Whoever was at it when the lock's file was removed still has the journal.
    let journal = journal::place(&site.layout, name.as_str());
    if journal::is_held(&journal).map_err(failure::of)? {
        return Err(at_work(&what));
    }
    Ok(lock)
}

/// The error of an action on something that another process is at, whose lock's file is gone.
fn at_work(what: &str) -> Error {
    Error::new(ErrorKind::BUSY, format!("{what} is busy: a process is at work on it"))
        .because("its lock in the directory of locks is gone, and its journal is held")
        .hint("try again when it has ended")
}

impl<'s> Operation<'s> {
    /// Begins an action that changes something: the caller has the image's lock, and the beginning goes on record.
    pub(in crate::images) fn begin(
        site: &'s Site,
        name: &ImageName,
        lock: Lock,
        action: &str,
        class: &str,
    ) -> Result<Self> {
        Self::reading(site, name, class).on_record_from_now(lock, action, class)
    }

    /// Goes on with an action where an interrupted one was undone: the caller has the image's lock.
    pub(in crate::images) fn go_on(
        site: &'s Site,
        name: &ImageName,
        lock: Lock,
        undone: Journal,
        action: &str,
        class: &str,
    ) -> Result<Self> {
        let journal = undone.go_on(action, class).map_err(failure::of)?;
        let operation = Self::reading(site, name, class);
        Ok(Self { journal: RefCell::new(Some(journal)), lock: Some(lock), ..operation })
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
        let path = journal::place(&self.site.layout, &self.subject.to_string());
        if journal::is_held(&path).map_err(failure::of)? {
            return Err(at_work(&self.subject.to_string()));
        }
        let left = journal::read(&path).map_err(failure::of)?;
        if left.needs_recovery() {
            return Err(Error::refused(format!(
                "{} has something left of an interrupted action",
                self.subject
            ))
            .hint("disklessset clean"));
        }
        self.spare.set(Spare::keep().map_err(failure::of)?);
        let journal = Journal::begin(&path, action, class).map_err(failure::of)?;
        self.journal = RefCell::new(Some(journal));
        self.lock = Some(lock);
        self.say(Level::Info, &format!("{}: {action} begins; its log is {}", self.subject, self.log));
        Ok(self)
    }

    /// An action that only reads.
    pub(in crate::images) fn reading(site: &'s Site, name: &ImageName, class: &str) -> Self {
        Self::on(site, Subject::Image(name.clone()), class)
    }

    /// A look at what an action would be refused for: what it is to offer is checked, and nothing is changed.
    pub(in crate::images) fn rehearsing(site: &'s Site, name: &ImageName, class: &str) -> Self {
        Self { rehearsal: true, ..Self::reading(site, name, class) }
    }

    /// A look at the images of a class.
    pub(in crate::images) fn overview(site: &'s Site, class: &str) -> Self {
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
            mounts_changed: Cell::new(false),
            digests: Cell::new(Digests::Carried),
            replaced: Cell::new(false),
            failed_inside: Cell::new(false),
            spare: Cell::default(),
            wanted: RefCell::default(),
            rehearsal: false,
            lock: None,
        }
    }

    pub(in crate::images) fn on_journal<T>(&self, act: impl FnOnce(&mut Journal) -> T) -> Result<T> {
        match self.journal.borrow_mut().as_mut() {
            Some(journal) => Ok(act(journal)),
            None => Err(Error::refused("this action only reads: it may not acquire anything")),
        }
    }

    /// Whether it may acquire anything; an action that only reads may not.
    pub(in crate::images) fn is_on_record(&self) -> bool {
        self.journal.borrow().is_some()
    }

    /// The lock, for what else has to be done under it.
    pub(in crate::images) fn into_lock(self) -> Option<Lock> {
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

    /// Puts an effect on record and makes it happen. Where its maker fails, is stopped or killed, it may have happened all the same: it
    /// is looked for, and undone, before it goes off the record. On record still, it would be undone later, which is wrong
    /// for what somebody else made.
    pub(crate) fn acquire(
        &self,
        effect: Effect,
        hold: Hold,
        happen: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let layout = &self.site.layout;
        let before = seen::of(&effect, layout).map_err(undo::UndoError::told)?;
        self.say(Level::Debug, &format!("{}: on record: {}", self.subject, effect.in_words()));
        let number = self.on_journal(|journal| journal.intend(effect.clone(), hold))?.map_err(failure::of)?;
        happen().map_err(|error| match self.is_not_there(&effect, &before) {
            Ok(true) => {
                let _ = self.on_journal(|journal| journal.undone(number));
                error
            }
            // It stays on record, and the end of the action tries again.
            Ok(false) => error,
            Err(left) => error.because(left),
        })
    }

    /// Whether nothing is there of an effect that failed; what is there of it is undone. A rename that fails may have happened,
    /// and only its flush to disk failed: what was renamed is known to be ours, and stays on record.
    fn is_not_there(&self, effect: &Effect, before: &Seen) -> Result<bool> {
        if matches!(effect, Effect::Published { .. } | Effect::Trash { .. }) {
            return Ok(false);
        }
        let after = seen::of(effect, &self.site.layout).map_err(undo::UndoError::told)?;
        match (effect, after) {
            (Effect::Directory { path } | Effect::File { path }, after) if after != *before => {
                seen::remove_empty(path);
            }
            (_, Seen::Line) => self.undo_one(effect)?,
            (_, after) if after != *before => self.undo_one(effect)?,
            _ => {}
        }
        Ok(true)
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
    pub(in crate::images) fn on_record(&self, path: &Utf8Path) -> Result<Option<(u64, Effect, Hold)>> {
        self.on_journal(|journal| {
            journal.find(path).map(|open| (open.number, open.effect.clone(), open.hold))
        })
    }

    /// Undoes one acquisition.
    pub(in crate::images) fn release(&self, path: &Utf8Path) -> Result<()> {
        let Some((number, effect, _)) = self.on_record(path)? else {
            if self.is_mounted_by_1x(path)? {
                return mounts_of_1x::unmount_tree(path);
            }
            return Err(Error::refused(format!("{path} is not on record for {}", self.subject)));
        };
        if matches!(effect, Effect::StandingOverlay { .. }) {
            self.units_changed.set(true);
        }
        self.undo_one(&effect)?;
        self.on_journal(|journal| journal.undone(number))
    }

    /// Whether a directory of the image's own work area has a mount that is on nobody's record: 1.x kept none.
    fn is_mounted_by_1x(&self, path: &Utf8Path) -> Result<bool> {
        let Some(name) = self.subject.image() else { return Ok(false) };
        let own = self.site.layout.image_workdir(name.as_str());
        if path.parent() != Some(own.as_path()) {
            return Ok(false);
        }
        mounts_of_1x::is_at(path)
    }

    /// Undoes the mounts on record, newest first.
    pub(in crate::images) fn release_mounts(&self) -> Result<()> {
        let open = self.on_journal(|journal| journal.state().open.clone())?;
        let mounts = open.iter().rev().filter_map(|open| match &open.effect {
            Effect::Mount { mount } => Some(mount.target().to_owned()),
            _ => None,
        });
        mounts.into_iter().try_for_each(|target| self.release(&target))
    }

    fn undo_one(&self, effect: &Effect) -> Result<()> {
        undo::undo_effect(effect, &self.site.layout, &|version| {
            kernels::is_used(self.site, version, self.subject.image())
        })
        .map_err(undo::UndoError::told)
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
