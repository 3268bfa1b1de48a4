//! One action on one image: its lock, its journal, and what a class may do meanwhile.

mod acquire;
mod edited;
mod ending;
mod exports;
mod lock;
pub(crate) mod manifest;
pub(crate) mod mounts_of_1x;
pub(crate) mod next_state;
mod overlays;
mod publish;
mod seen;
mod staged_kernel;
mod subject;
mod telling;
pub(crate) mod undo;

pub(crate) use acquire::unique;
pub(crate) use lock::lock_image;
pub(crate) use next_state::NewFile;
pub(crate) use staged_kernel::StagedKernel;
pub(crate) use subject::Subject;

use crate::{
    failure,
    installations::{Journal, journal},
    integrity::Digests,
    site::Site,
    system::{limits::Spare, lock::Lock},
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{Error, ImageName, Level, Result};
use std::cell::{Cell, RefCell};

/// An action under way. Dropped without [`Operation::succeed`] or [`Operation::fail`] it commits nothing: what it acquired is
/// on record, and the next cleaning undoes it.
pub(crate) struct Operation<'s> {
    pub(crate) site: &'s Site,
    pub(crate) subject: Subject,
    /// The module whose class is at work; it chooses the section of the configuration.
    pub(crate) module: String,
    /// Absent for an action that only reads, which acquires nothing, and for one that has ended.
    journal: RefCell<Option<Journal>>,
    pub(crate) staged_kernel: RefCell<Option<StagedKernel>>,
    pub(crate) log: Utf8PathBuf,
    /// Whether systemd has to be told of units.
    pub(crate) units_changed: Cell<bool>,
    /// Whether mounts of the image went that a class would have to make again.
    pub(crate) mounts_changed: Cell<bool>,
    /// Where the manifest of the next state has the digests of files that stay from.
    pub(crate) digests: Cell<Digests>,
    /// Whether the image's directory has come to a next state at once.
    replaced: Cell<bool>,
    /// Let go when it ends: taking back what it did never lacks a descriptor.
    pub(crate) spare: Cell<Spare>,
    /// Whether a command that ran for the user failed: then the action changes nothing, the boot file of an older version neither.
    pub(crate) failed_inside: Cell<bool>,
    /// Lines of exports that come and go at its end.
    wanted: RefCell<exports::Wanted>,
    /// Whether it only finds out what would be refused.
    rehearsal: bool,
    /// Held until the operation is dropped: what is done after its end still concerns nobody else.
    lock: Option<Lock>,
}

impl<'s> Operation<'s> {
    /// Begins an action that changes something: the caller has the image's lock, and the beginning goes on record.
    pub(crate) fn begin(
        site: &'s Site,
        name: &ImageName,
        lock: Lock,
        action: &str,
        class: &str,
    ) -> Result<Self> {
        Self::reading(site, name, class).on_record_from_now(lock, action, class)
    }

    /// Goes on with an action where an interrupted one was undone: the caller has the image's lock.
    pub(crate) fn go_on(
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
            return Err(lock::at_work(&self.subject.to_string()));
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
    pub(crate) fn reading(site: &'s Site, name: &ImageName, class: &str) -> Self {
        Self::on(site, Subject::Image(name.clone()), class)
    }

    /// A look at what an action would be refused for: what it is to offer is checked, and nothing is changed.
    pub(crate) fn rehearsing(site: &'s Site, name: &ImageName, class: &str) -> Self {
        Self { rehearsal: true, ..Self::reading(site, name, class) }
    }

    /// A look at the images of a class.
    pub(crate) fn overview(site: &'s Site, class: &str) -> Self {
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

    pub(crate) fn on_journal<T>(&self, act: impl FnOnce(&mut Journal) -> T) -> Result<T> {
        match self.journal.borrow_mut().as_mut() {
            Some(journal) => Ok(act(journal)),
            None => Err(Error::refused("this action only reads: it may not acquire anything")),
        }
    }

    /// Whether it may acquire anything; an action that only reads may not.
    pub(crate) fn is_on_record(&self) -> bool {
        self.journal.borrow().is_some()
    }

    /// The lock, for what else has to be done under it.
    pub(crate) fn into_lock(self) -> Option<Lock> {
        self.lock
    }

    /// Whether this action has the lock of the kernels already.
    pub(crate) fn holds_kernels(&self) -> bool {
        self.subject == Subject::Kernels
    }
}
