//! Extended attributes of files: capabilities, access control lists, labels and all others.

use super::{
    capabilities,
    difference::{Aspect, XattrChange, as_text},
};
use rustix::io::{Errno, Result};
use std::{collections::BTreeSet, ffi::CStr};

/// The kernel allows no longer lists and values.
const MOST: usize = 64 * 1024;
/// What the kernel itself notes of an overlay.
const OF_OVERLAYS: &[u8] = b"trusted.overlay.";

/// Reads attributes, with its own piece of memory for all files.
pub(super) struct Xattrs {
    buffer: Vec<u8>,
}

impl Xattrs {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; MOST] }
    }

    /// In which attributes two files differ; nothing is one that has none.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn differences(&mut self, old: &CStr, new: &CStr) -> Result<Vec<Aspect>> {
        let (before, after) = (self.names(old)?, self.names(new)?);
        let mut found = Vec::new();
        let names: BTreeSet<&Vec<u8>> = before.iter().chain(&after).collect();
        for name in names {
            let value = self.value(old, name)?;
            let other = self.value(new, name)?;
            if value != other {
                found.push(aspect(name, value.as_deref(), other.as_deref()));
            }
        }
        Ok(found)
    }

    fn names(&mut self, path: &CStr) -> Result<Vec<Vec<u8>>> {
        let length = match rustix::fs::llistxattr(path, &mut self.buffer[..]) {
            Ok(length) => length,
            // A file system without attributes.
            Err(Errno::NOTSUP) => 0,
            Err(cause) => return Err(cause),
        };
        let list = self.buffer.get(..length).unwrap_or_default();
        let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.filter(|name| !name.starts_with(OF_OVERLAYS)).map(<[u8]>::to_vec).collect())
    }

    fn value(&mut self, path: &CStr, name: &[u8]) -> Result<Option<Vec<u8>>> {
        match rustix::fs::lgetxattr(path, name, &mut self.buffer[..]) {
            Ok(length) => Ok(self.buffer.get(..length).map(<[u8]>::to_vec)),
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
            Err(cause) => Err(cause),
        }
    }
}

fn aspect(name: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) -> Aspect {
    let label = |value: &[u8]| as_text(value).trim_end_matches('\0').to_owned();
    match name {
        b"security.capability" => {
            Aspect::Capabilities { old: old.map(capabilities::text), new: new.map(capabilities::text) }
        }
        b"security.selinux" => Aspect::Label { old: old.map(label), new: new.map(label) },
        _ => {
            let change = match (old, new) {
                (None, _) => XattrChange::Added,
                (_, None) => XattrChange::Removed,
                _ => XattrChange::Changed,
            };
            Aspect::Xattr { name: as_text(name), change }
        }
    }
}
