//! What is in the files that definitions name.

use crate::integrity::Digest;
use camino::{Utf8Path, Utf8PathBuf};
use std::{cell::RefCell, collections::BTreeMap};

/// Digests of files, each read once however many definitions name it.
#[derive(Debug, Default)]
pub(in crate::images) struct FileDigests(RefCell<BTreeMap<Utf8PathBuf, Option<String>>>);

impl FileDigests {
    /// The digest of a file. None for what is no file, or cannot be read: who uses it tells.
    pub(super) fn of(&self, path: &Utf8Path) -> Option<String> {
        if let Some(known) = self.0.borrow().get(path) {
            return known.clone();
        }
        let digest = path.is_file().then(|| Digest::of_file(path).ok()).flatten();
        let digest = digest.map(|digest| digest.to_string());
        self.0.borrow_mut().insert(path.to_owned(), digest.clone());
        digest
    }
}
