//! An input as a file, for parsers that open one: in memory, under a path of the kernel's own.

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{MemfdFlags, memfd_create};
use std::{fs::File, io::Write, os::fd::AsRawFd};

/// A file that is gone with this value.
pub(crate) struct InMemory {
    _file: File,
    path: Utf8PathBuf,
}

impl InMemory {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut file = File::from(memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("a file in memory"));
        file.write_all(bytes).expect("room in memory");
        let path = format!("/proc/self/fd/{}", file.as_raw_fd()).into();
        Self { _file: file, path }
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }
}
