//! Trees to measure with: the same in every run.

use std::fs::File;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use crate::failure::{self, Failure};

/// How much is in a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) files: u64,
    pub(super) directories: u64,
    pub(super) bytes: u64,
}

impl Size {
    /// That of a tree of so many megabytes, with as many files as distributions have.
    pub(super) fn of_megabytes(megabytes: u64) -> Self {
        Self { files: megabytes * 30, directories: megabytes * 3, bytes: megabytes * 1_000_000 }
    }
}

/// What is in its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// Nothing that compresses.
    Noise,
    /// What compresses to two thirds.
    Programs,
}

/// Fills the directory `top`: sizes as in an operating system, many small files and few large ones.
pub(super) fn fill(top: &Utf8Path, size: Size, data: Data) -> Result<(), Failure> {
    let mut random = Random::new();
    let directories: Vec<Utf8PathBuf> = (0..size.directories)
        .map(|number| top.join(format!("usr/{}/{}/{number}", number % 12, number / 12 % 10)))
        .collect();
    directories.iter().try_for_each(|directory| make_dir(directory))?;
    let mask = if data == Data::Noise { 0xff } else { 0x1f };
    let bytes = (0..1 << 21).flat_map(|_| random.next().to_le_bytes());
    let bytes: Vec<u8> = bytes.map(|byte| byte & mask).collect();
    // Half of the files are small, and each doubling of the size is half as frequent: up to some 10 MB.
    let weight = |random: &mut Random| (1000 + random.below(1000)) << random.next().trailing_zeros().min(11);
    let weights: Vec<u64> = (0..size.files).map(|_| weight(&mut random)).collect();
    let all: u64 = weights.iter().sum();
    for (number, weight) in weights.into_iter().enumerate() {
        let length = ((weight * size.bytes / all) as usize).min(bytes.len() - 1);
        let begin = random.below((bytes.len() - length) as u64) as usize;
        let directory = &directories[random.below(size.directories) as usize];
        put(&directory.join(format!("file{number}")), &bytes[begin..begin + length])?;
        if number % 10 == 0 {
            let link = directory.join(format!("link{number}"));
            std::os::unix::fs::symlink(format!("file{number}"), &link)
                .map_err(failure::file("make the link", &link))?;
        }
    }
    Ok(())
}

/// Adds what an image is refused without.
pub(super) fn make_system(tree: &Utf8Path, kernel: &str) -> Result<(), Failure> {
    for directory in ["dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin", "var/log"] {
        make_dir(&tree.join(directory))?;
    }
    let modules = tree.join("usr/lib/modules").join(kernel);
    make_dir(&modules)?;
    put(&modules.join("modules.dep"), b"")?;
    put(&tree.join("etc/passwd"), b"root:x:0:0:root:/root:/bin/sh\n")?;
    put(&tree.join("etc/shadow"), b"root:!locked:19000:0:99999:7:::\n")
}

/// Writes a new file.
pub(super) fn put(path: &Utf8Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(failure::file("write", path))
}

/// Makes a directory with those above it.
pub(super) fn make_dir(path: &Utf8Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(failure::file("make", path))
}

/// Numbers that look random and are the same in every run.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
