//! The names in one directory, sorted, in one piece of memory: a directory may have hundreds of thousands.

use rustix::{
    fd::OwnedFd,
    fs::Dir,
    io::{Errno, Result},
};
use std::ffi::CStr;

/// Names in the order of their bytes.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// All names, each with its ending zero.
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Names {
    /// Those in an open directory, of at most so many bytes.
    ///
    /// # Errors
    /// `FBIG` when there are more, and what the system refuses.
    pub(super) fn of(directory: OwnedFd, most: usize) -> Result<Self> {
        let mut names = Self::default();
        for entry in Dir::new(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            names.starts.push(u32::try_from(names.bytes.len()).map_err(|_| Errno::FBIG)?);
            names.bytes.extend_from_slice(name.to_bytes_with_nul());
            if names.size() > most {
                return Err(Errno::FBIG);
            }
        }
        let Self { bytes, starts } = &mut names;
        starts.sort_unstable_by(|a, b| at(bytes, *a).cmp(at(bytes, *b)));
        starts.shrink_to_fit();
        bytes.shrink_to_fit();
        Ok(names)
    }

    /// The name of this number, from zero on.
    pub(super) fn get(&self, number: usize) -> Option<&CStr> {
        self.starts.get(number).map(|start| at(&self.bytes, *start))
    }

    /// The bytes of memory that they take.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.starts.len() * size_of::<u32>()
    }
}

fn at(bytes: &[u8], start: u32) -> &CStr {
    let from = bytes.get(start as usize..).unwrap_or_default();
    CStr::from_bytes_until_nul(from).unwrap_or_default()
}
