//! Cleaning CORRUPTED images: all that there is of them goes, several at a time.
//!
//! Each has two records, its journal and its entry in `installations.yml`. Whoever is killed, or loses power, in the middle leaves
//! the entry, and all is done again: so the removals of many images are made durable together, then their journals go, then their
//! entries, and none of that has a flush of its own. Their locks are held until all of it is done.

use crate::{
    failure,
    images::{cleaning::CleanReport, manager::ImageManager},
    installations::{Journal, journal},
    operation::{
        Subject,
        undo::{self, UndoScope},
    },
    records,
    system::{flush::Together, lock::Lock},
    versions::Store,
};
use disklessset_plugin_api::{ImageName, Result};

/// So many at a time: each has two files open meanwhile, and others wait for its lock.
pub(in crate::images) const AT_A_TIME: usize = 64;

/// A CORRUPTED image, its lock held.
pub(in crate::images) struct Crashed {
    pub(in crate::images) name: ImageName,
    pub(in crate::images) lock: Lock,
    /// Its class, as the entry has it.
    pub(in crate::images) class: String,
    /// Whether what its name can have goes as well: 1.x kept no journal.
    pub(in crate::images) by_name: bool,
}

/// An image of which nothing is left but the records.
struct Emptied {
    name: ImageName,
    lock: Lock,
    journal: Journal,
}

impl ImageManager<'_> {
    /// Removes all there is of CORRUPTED images. One that cannot be removed does not stop the others.
    pub(in crate::images) fn remove_crashed(&self, images: Vec<Crashed>, report: &mut CleanReport) {
        let others = Together::default();
        let mut emptied = Vec::new();
        for Crashed { name, lock, class, by_name } in images {
            match self.empty(&name, &class, by_name, lock, &others) {
                Ok((lock, journal)) => emptied.push(Emptied { name, lock, journal }),
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
        class: &str,
        by_name: bool,
        lock: Lock,
        others: &Together,
    ) -> Result<(Lock, Journal)> {
        let place = journal::place(&self.site.layout, name.as_str());
        let mut journal = Journal::reopen_relaxed(&place).map_err(failure::of)?;
        let subject = Subject::Image(name.clone());
        let in_use = |version: &str| records::is_kernel_used(self.site, version, subject.image());
        undo::undo_together(&mut journal, &self.site.layout, UndoScope::WholeAction, &in_use, others)
            .map_err(|error| error.into_api_error().context(format!("cannot clean {subject}")))?;
        Store::of(&self.site.layout).sweep(name.as_str())?;
        let back = self.clean_by_class(name, class, (lock, journal), others)?;
        if by_name {
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
