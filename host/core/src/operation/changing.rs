//! One action that changes something: under a lock, on record from its beginning to its end.

use super::{Reading, StagedKernel, Subject, exports::Wanted, lock};
use crate::{
    failure,
    installations::{Journal, journal},
    logs, mirror,
    site::Site,
    system::{limits::Spare, lock::Lock},
    versions::MadeFrom,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, ImageName, Level, Result};
use std::cell::{Cell, RefCell};

/// An action under way. Dropped without [`Operation::succeed`] or [`Operation::fail`] it commits nothing: what it acquired is
/// on record, and the next cleaning undoes it.
pub(crate) struct Operation<'s> {
    reading: Reading<'s>,
    pub(super) journal: RefCell<Journal>,
    pub(super) staged_kernel: RefCell<Option<StagedKernel>>,
    /// Lines of exports that come and go at its end.
    pub(super) wanted: RefCell<Wanted>,
    /// Whether systemd has to be told of units.
    pub(super) units_changed: Cell<bool>,
    /// Whether mounts of the image went that a class would have to make again.
    pub(super) mounts_changed: Cell<bool>,
    /// Whether the image's directory has come to a next state at once.
    pub(super) replaced: Cell<bool>,
    /// Whether what the image came to is a version that waits for its release.
    held_version: Cell<bool>,
    /// What the image is made from by this action.
    made_from: RefCell<Option<MadeFrom>>,
    /// Let go when it ends: taking back what it did never lacks a descriptor.
    pub(super) spare: Cell<Spare>,
    /// Given back at its end: what is done after that still concerns nobody else.
    lock: Lock,
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
        Self::on_record_from_now(Reading::of(site, name, class), lock, action, class)
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
        let reading = Reading::of(site, name, class);
        logs::begins(reading.log(), action);
        Ok(Self::with(reading, journal, Spare::default(), lock))
    }

    /// Begins a change of kernels: the caller has their lock.
    pub(crate) fn begin_on_kernels(site: &'s Site, lock: Lock, action: &str) -> Result<Self> {
        Self::on_record_from_now(Reading::on(site, Subject::Kernels, ""), lock, action, "")
    }

    /// Begins a change of the modules directory: the caller has its lock.
    pub(crate) fn begin_on_modules(site: &'s Site, lock: Lock, action: &str) -> Result<Self> {
        Self::on_record_from_now(Reading::on(site, Subject::Modules, ""), lock, action, "")
    }

    fn on_record_from_now(reading: Reading<'s>, lock: Lock, action: &str, class: &str) -> Result<Self> {
        let subject = reading.subject();
        if *subject != Subject::Modules {
            mirror::must_not_be_mirror(reading.site())?;
        }
        let path = journal::place(&reading.site().layout, &subject.to_string());
        if journal::is_held(&path).map_err(failure::of)? {
            return Err(lock::at_work(&subject.to_string()));
        }
        let left = journal::read(&path).map_err(failure::of)?;
        if left.needs_recovery() {
            return Err(Error::refused(format!("{subject} has something left of an interrupted action"))
                .hint("disklessset clean"));
        }
        let spare = Spare::keep().map_err(failure::of)?;
        let journal = Journal::begin(&path, left, action, class).map_err(failure::of)?;
        logs::begins(reading.log(), action);
        reading.say(Level::Info, &format!("{subject}: {action} begins; its log is {}", reading.log()));
        Ok(Self::with(reading, journal, spare, lock))
    }

    fn with(reading: Reading<'s>, journal: Journal, spare: Spare, lock: Lock) -> Self {
        Self {
            reading,
            journal: RefCell::new(journal),
            staged_kernel: RefCell::new(None),
            wanted: RefCell::default(),
            units_changed: Cell::new(false),
            mounts_changed: Cell::new(false),
            replaced: Cell::new(false),
            held_version: Cell::new(false),
            made_from: RefCell::new(None),
            spare: Cell::new(spare),
            lock,
        }
    }

    /// What it does that changes nothing.
    pub(crate) fn reading(&self) -> &Reading<'s> {
        &self.reading
    }

    /// The site.
    pub(crate) fn site(&self) -> &'s Site {
        self.reading.site()
    }

    /// What it is called on record.
    pub(crate) fn action(&self) -> String {
        self.on_journal(|journal| journal.state().unfinished.clone().unwrap_or_default())
    }

    /// What it is on.
    pub(crate) fn subject(&self) -> &Subject {
        self.reading.subject()
    }

    /// The file that has what tools printed.
    pub(crate) fn log(&self) -> &Utf8Path {
        self.reading.log()
    }

    /// Does something with its journal.
    pub(crate) fn on_journal<T>(&self, act: impl FnOnce(&mut Journal) -> T) -> T {
        act(&mut self.journal.borrow_mut())
    }

    /// Its parts, when it ends.
    pub(super) fn into_parts(self) -> (Reading<'s>, Journal, Lock) {
        (self.reading, self.journal.into_inner(), self.lock)
    }

    /// Whether this action has the lock of the kernels already.
    pub(crate) fn holds_kernels(&self) -> bool {
        *self.subject() == Subject::Kernels
    }

    /// Whether it has taken mounts away that are the image's own: its class can make them again.
    pub(crate) fn has_unmounted(&self) -> bool {
        self.units_changed.get() || self.mounts_changed.get()
    }

    /// Keeps a kernel that was made ready aside, to be published with the action.
    pub(crate) fn stage_kernel(&self, staged: StagedKernel) {
        *self.staged_kernel.borrow_mut() = Some(staged);
    }

    /// Gives that kernel to who publishes it.
    pub(crate) fn take_staged_kernel(&self) -> Option<StagedKernel> {
        self.staged_kernel.borrow_mut().take()
    }

    /// Keeps what the image is made from by this action, for the version that it makes.
    pub(crate) fn make_from(&self, made_from: Option<MadeFrom>) {
        *self.made_from.borrow_mut() = made_from;
    }

    /// What that is.
    pub(crate) fn made_from(&self) -> Option<MadeFrom> {
        self.made_from.borrow().clone()
    }

    /// Notes that what the image came to is a version which waits for its release: the image itself stays as it is.
    pub(crate) fn note_held_version(&self) {
        self.held_version.set(true);
    }

    /// Whether that is so.
    pub(crate) fn made_held_version(&self) -> bool {
        self.held_version.get()
    }
}
