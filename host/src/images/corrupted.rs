//! Cleaning CORRUPTED images: all that there is of them goes, several at a time.
//!
//! Each has two records, its journal and its entry in `installations.yml`. Whoever is killed, or loses power, in the middle leaves
//! the entry, and all is done again: so the removals of many images are made durable together, then their journals go, then their
//! entries, and none of that has a flush of its own. Their locks are held until all of it is done.

use super::{cleaning::CleanReport, led::Led, manager::ImageManager};
use crate::{
    failure,
    installations::{Entries, Installation, Journal, journal},
    operation::{
        Subject, lock_image,
        undo::{self, Which},
    },
    records::{self, refusals::being_created},
    system::{
        flush::Together,
        lock::{Lock, Wait},
    },
};
use disklessset_plugin_api::{ImageName, Result};

/// So many at a time: each has two files open meanwhile, and others wait for its lock.
pub(super) const AT_A_TIME: usize = 64;

/// An image of which nothing is left but the records.
struct Emptied {
    name: ImageName,
    lock: Lock,
    journal: Journal,
}

/// An image, its lock, and its entry where it is CORRUPTED.
pub(super) type Held = (ImageName, Lock, Option<Installation>);

impl ImageManager<'_> {
    /// Takes the locks of images, and reads the register once they are held.
    pub(super) fn hold_to_clean(&self, names: &[ImageName], report: &mut CleanReport) -> Result<Vec<Held>> {
        let mut held = Vec::new();
        for name in names {
            match lock_image(self.site, name, Led::Clean.name(), Wait::No) {
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

    /// Cleans CORRUPTED images. One that cannot be cleaned does not stop the others.
    pub(super) fn clean_corrupted(
        &self,
        images: Vec<(ImageName, Lock, Installation)>,
        report: &mut CleanReport,
    ) {
        let others = Together::default();
        let mut emptied = Vec::new();
        for (name, lock, entry) in images {
            match self.empty(&name, &entry, lock, &others) {
                Ok(Some((lock, journal))) => emptied.push(Emptied { name, lock, journal }),
                Ok(None) => {}
                Err(error) => report.kept.push((name.to_string(), error)),
            }
        }
        if emptied.is_empty() {
            return;
        }
        let names: Vec<ImageName> = emptied.iter().map(|emptied| emptied.name.clone()).collect();
        match self.forget(emptied, &names, &others) {
            Ok(_locks) => report.cleaned.extend(names.iter().map(ImageName::to_string)),
            Err(error) => report.kept.extend(names.iter().map(|name| (name.to_string(), error.clone()))),
        }
    }

    /// Removes all of an image but its records.
    fn empty(
        &self,
        name: &ImageName,
        entry: &Installation,
        lock: Lock,
        others: &Together,
    ) -> Result<Option<(Lock, Journal)>> {
        if entry.is_legacy() && self.site.installations.is_running(name, entry) {
            return Err(being_created(name, entry));
        }
        let place = journal::place(&self.site.layout, name.as_str());
        let mut journal = Journal::reopen_relaxed(&place).map_err(failure::of)?;
        let subject = Subject::Image(name.clone());
        let in_use = |version: &str| records::is_kernel_used(self.site, version, subject.image());
        undo::undo_together(&mut journal, &self.site.layout, Which::Unsettled, &in_use, others)
            .map_err(|error| error.told().context(format!("cannot clean {subject}")))?;
        let back = self.clean_by_class(name, &entry.image_class, (lock, journal), others)?;
        if entry.is_legacy() {
            // 1.x kept no journal: what it may have left follows from the name.
            self.remove_by_name(name, others)?;
        }
        Ok(back)
    }

    /// Takes emptied images off the records; gives back their locks.
    fn forget(&self, emptied: Vec<Emptied>, names: &[ImageName], others: &Together) -> Result<Vec<Lock>> {
        // What is not durably gone would come back, without a record of it.
        others.flush().map_err(failure::of)?;
        let mut locks = Vec::new();
        for Emptied { lock, journal, .. } in emptied {
            locks.push(lock);
            journal.end_together(others).map_err(failure::of)?;
        }
        others.flush().map_err(failure::of)?;
        self.site.installations.end_all(names).map_err(failure::of)?;
        Ok(locks)
    }
}
