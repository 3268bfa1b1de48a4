//! Bases that go: those that were not used for longest, and what is left of work that was stopped.

use super::{BaseKey, Bases, UNFINISHED, locked};
use crate::{FileError, durable, remove_tree::remove_tree};
use camino::Utf8Path;
use rustix::fs::FlockOperation;

impl Bases {
    /// Removes bases until so many are left, those that were not used for longest first. One that is in use stays. Returns those that are gone.
    ///
    /// # Errors
    /// When they cannot be listed, or one cannot be removed.
    pub fn keep_only(&self, number: usize) -> Result<Vec<BaseKey>, FileError> {
        let mut gone = Vec::new();
        for base in self.all()?.into_iter().skip(number) {
            if self.remove(&base.key)? {
                gone.push(base.key);
            }
        }
        Ok(gone)
    }

    /// Removes a base; whether it is gone. One that is in use stays.
    ///
    /// # Errors
    /// When it cannot be renamed or removed.
    pub fn remove(&self, key: &BaseKey) -> Result<bool, FileError> {
        let directory = self.directory.join(key.as_str());
        let Some(_lock) = locked(&directory, FlockOperation::NonBlockingLockExclusive)? else {
            return Ok(false);
        };
        // By its name alone nobody takes what is half removed for a base.
        let going = self.directory.join(format!("{UNFINISHED}{key}-gone-{}", std::process::id()));
        durable::rename_noreplace(&directory, &going)?;
        self.remove_directory(&going).map(|()| true)
    }

    /// Removes what processes left that are gone: bases that were not finished, and those that were not removed wholly. Returns how many.
    ///
    /// # Errors
    /// When they cannot be listed, or one cannot be removed.
    pub fn sweep(&self) -> Result<usize, FileError> {
        let mut gone = 0;
        for name in self.names()?.iter().filter(|name| self.is_left(name)) {
            let directory = self.directory.join(name);
            if let Some(_lock) = locked(&directory, FlockOperation::NonBlockingLockExclusive)? {
                self.remove_directory(&directory)?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// Whether something of that name is none of the bases: unfinished, or with facts that cannot be read.
    fn is_left(&self, name: &str) -> bool {
        name.starts_with(UNFINISHED) || (name.parse::<BaseKey>().is_ok() && self.listed(name).is_none())
    }

    fn remove_directory(&self, directory: &Utf8Path) -> Result<(), FileError> {
        let removed = remove_tree(directory, std::slice::from_ref(&self.directory));
        removed.map(drop).map_err(std::io::Error::other).map_err(FileError::of("remove", directory))
    }
}
