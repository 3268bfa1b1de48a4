//! Where a removal is, for messages.

use super::{RemoveError, walk::Removal};
use rustix::io::Errno;
use std::ffi::CStr;

impl Removal<'_> {
    /// Where the removal is, for messages. Names need not be UTF-8; a very deep place is told by its beginning and end.
    fn place(&self, name: Option<&CStr>) -> String {
        let names: Vec<String> =
            self.stack.iter().skip(1).map(|level| level.name.to_string_lossy().into_owned()).collect();
        let mut place = self.path.to_string();
        let shown = if names.len() > 20 {
            [&names[..10], &["…".to_owned()], &names[names.len() - 10..]].concat()
        } else {
            names
        };
        for part in shown {
            place = format!("{place}/{part}");
        }
        match name {
            Some(name) if !self.stack.is_empty() => format!("{place}/{}", name.to_string_lossy()),
            _ => place,
        }
    }

    pub(super) fn refused(&self, error: Errno) -> RemoveError {
        RemoveError::Refused { path: self.path.to_owned(), at: self.place(None), source: error.into() }
    }

    pub(super) fn refused_at(&self, name: &CStr, error: Errno) -> RemoveError {
        RemoveError::Refused { path: self.path.to_owned(), at: self.place(Some(name)), source: error.into() }
    }

    pub(super) fn mount_appeared(&self, name: &CStr) -> RemoveError {
        RemoveError::MountAppeared { path: self.path.to_owned(), at: self.place(Some(name)) }
    }

    pub(super) fn disturbed(&self, name: &CStr) -> RemoveError {
        RemoveError::Disturbed { path: self.path.to_owned(), at: self.place(Some(name)) }
    }
}
