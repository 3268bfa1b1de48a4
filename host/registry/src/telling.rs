//! How far the files of a version are, all together.

use disklessset_core::observer::Observer;

/// Tells an observer of bytes.
pub(crate) struct Telling<'o> {
    observer: &'o dyn Observer,
    label: String,
    /// Bytes of the files that are over.
    over: u64,
    size: u64,
}

impl<'o> Telling<'o> {
    /// Begins at 0.
    pub(crate) fn new(observer: &'o dyn Observer, label: String, size: u64) -> Self {
        Self { observer, label, over: 0, size }
    }

    /// So many bytes of the file that is under way are over.
    pub(crate) fn at(&mut self, done: u64) {
        self.observer.progress(&self.label, (self.over + done).min(self.size), self.size);
    }

    /// That file is over.
    pub(crate) fn next(&mut self, size: u64) {
        self.over = self.over.saturating_add(size);
    }
}
