//! Where the journals of a site are.

use super::home::Home;
use crate::system::layout::Layout;
use camino::{Utf8Path, Utf8PathBuf};
use std::ops::Deref;

/// Where a journal is, and the root that what it has is below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JournalPath {
    pub(super) file: Utf8PathBuf,
    pub(super) home: Home,
}

impl Deref for JournalPath {
    type Target = Utf8Path;

    fn deref(&self) -> &Utf8Path {
        &self.file
    }
}

/// The journal of an image (by its name) or of the kernels.
pub(crate) fn place(layout: &Layout, subject: &str) -> JournalPath {
    JournalPath { file: layout.journal_dir().join(format!("{subject}.jsonl")), home: Home::of(layout) }
}
