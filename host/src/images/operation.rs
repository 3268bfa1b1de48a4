//! One action on one image: its lock, its journal, and what a class may do meanwhile.

use crate::{
    failure,
    installations::{
        Effect, Journal, image_lock, journal,
        undo::{self, Which},
    },
    kernels::{self, StagedKernel},
    site::Site,
    system::{
        atomic_file,
        lock::{Lock, LockError, Wait},
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, Hold, Image, ImageName, Level, Result};
use std::{cell::RefCell, os::unix::fs::MetadataExt};

use super::generation::{self, NewFile};

/// What an action is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One image.
    Image(ImageName),
    /// The kernels, all together.
    Kernels,
}

impl Subject {
    pub(super) fn image(&self) -> Option<&ImageName> {
        match self {
            Self::Image(name) => Some(name),
            Self::Kernels => None,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Image(name) => name.fmt(f),
            // A character that no image name has keeps their journals and logs apart.
            Self::Kernels => f.write_str("@kernels"),
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
    /// Absent for an action that only reads: such a one acquires nothing.
    journal: Option<RefCell<Journal>>,
    pub(crate) staged_kernel: RefCell<Option<StagedKernel>>,
    pub(crate) log: Utf8PathBuf,
    _lock: Option<Lock>,
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
        self.journal = Some(RefCell::new(journal));
        self._lock = Some(lock);
        Ok(self)
    }

    /// An action that only reads.
    pub(super) fn reading(site: &'s Site, name: &ImageName, class: &str) -> Self {
        Self::on(site, Subject::Image(name.clone()), class)
    }

    fn on(site: &'s Site, subject: Subject, class: &str) -> Self {
        Self {
            site,
            module: site.classes.module_of(class).unwrap_or_default(),
            journal: None,
            staged_kernel: RefCell::new(None),
            log: site.layout.logs_dir().join(format!("{subject}.log")),
            subject,
            _lock: None,
        }
    }

    fn journal(&self) -> Result<&RefCell<Journal>> {
        self.journal
            .as_ref()
            .ok_or_else(|| Error::refused("this action only reads: it may not acquire anything"))
    }

    /// Whether this action has the lock of the kernels already.
    pub(crate) fn holds_kernels(&self) -> bool {
        self.subject == Subject::Kernels
    }

    /// A private name beside others in a directory: what is built there is moved out by a rename.
    fn aside(&self, directory: &Utf8Path, what: &str) -> Utf8PathBuf {
        directory.join(format!(".{what}-{}-{}", self.subject, unique()))
    }

    /// Puts an effect on record and makes it happen. One that turns out not to have happened is taken off again.
    pub(super) fn acquire(
        &self,
        effect: Effect,
        hold: Hold,
        happen: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let journal = self.journal()?;
        let number = journal.borrow_mut().intend(effect, hold).map_err(failure::of)?;
        happen().inspect_err(|_| {
            // On record still, it would be undone: harmless for what does not exist, wrong for what somebody else made.
            if let Err(cause) = journal.borrow_mut().undone(number) {
                self.site.observer.line(Level::Warning, &failure::of(cause).to_string());
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
        let journal = self.journal()?.borrow();
        Ok(journal.find(path).map(|open| (open.number, open.effect.clone(), open.hold)))
    }

    /// Undoes one acquisition.
    pub(super) fn release(&self, path: &Utf8Path) -> Result<()> {
        let Some((number, effect, _)) = self.on_record(path)? else {
            return Err(Error::refused(format!("{path} is not on record for {}", self.subject)));
        };
        self.undo_one(&effect)?;
        self.journal()?.borrow_mut().undone(number).map_err(failure::of)
    }

    fn undo_one(&self, effect: &Effect) -> Result<()> {
        undo::undo_effect(effect, &self.site.layout, &|version| {
            kernels::is_used(self.site, version, self.subject.image())
        })
        .map_err(failure::refused)
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

    /// Takes something out of service by one rename; it is deleted when the action ends.
    pub(super) fn retire(&self, path: &Utf8Path, directory: &Utf8Path) -> Result<()> {
        let trash = self.aside(directory, "trash");
        self.acquire(Effect::Trash { path: trash.clone() }, Hold::Action, || {
            atomic_file::rename_noreplace(path, &trash).map_err(failure::of)
        })
    }

    /// Brings an image's directory to its next state in one step.
    pub(super) fn replace_files(&self, image: &Image, files: &[(&str, NewFile<'_>)]) -> Result<()> {
        let aside = self.staging(&self.site.layout.images_dir(), "next")?;
        generation::replace(image.directory(), &aside, files).map_err(failure::of)?;
        self.release(&aside)
    }

    /// Ends the action well: what was held for its length is undone, the rest stays.
    pub(crate) fn succeed(self) -> Result<()> {
        let Some(journal) = self.journal else { return Ok(()) };
        let mut journal = journal.into_inner();
        let in_use = |version: &str| kernels::is_used(self.site, version, self.subject.image());
        undo::undo(&mut journal, &self.site.layout, Which::HeldForAction, &in_use)
            .map_err(failure::refused)?;
        // What was published is what the action was for: it is nobody's to undo any more.
        let published: Vec<u64> = journal
            .state()
            .open
            .iter()
            .filter(|open| matches!(open.effect, Effect::Published { .. }))
            .map(|open| open.number)
            .collect();
        for number in published {
            journal.undone(number).map_err(failure::of)?;
        }
        journal.end().map_err(failure::of)
    }

    /// Ends the action badly: everything it acquired is undone. Gives back the error, with what could not be undone.
    pub(crate) fn fail(self, error: Error) -> Error {
        let Some(journal) = self.journal else { return error };
        let mut journal = journal.into_inner();
        let in_use = |version: &str| kernels::is_used(self.site, version, self.subject.image());
        let undone = undo::undo(&mut journal, &self.site.layout, Which::Unsettled, &in_use)
            .map_err(failure::refused)
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
