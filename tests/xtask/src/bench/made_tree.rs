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

/// Bytes that files are cut out of.
const POOL: usize = 16 << 20;

/// What is in its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// Bytes that do not compress.
    Noise,
    /// What compresses to four tenths, as trees of distributions do with the default: 750 MB to 274, 1,077 to 361.
    Programs,
}

/// Fills the directory `top`: sizes as in an operating system, many small files and few large ones.
pub(super) fn fill(top: &Utf8Path, size: Size, data: Data) -> Result<(), Failure> {
    let mut random = Random::new();
    let directories: Vec<Utf8PathBuf> = (0..size.directories)
        .map(|number| top.join(format!("usr/{}/{}/{number}", number % 12, number / 12 % 10)))
        .collect();
    directories.iter().try_for_each(|directory| make_dir(directory))?;
    let bytes = match data {
        Data::Noise => random.bytes(POOL),
        Data::Programs => programs(&mut random),
    };
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

/// Short pieces that are new, each followed by one that was there within the last 60,000 bytes.
fn programs(random: &mut Random) -> Vec<u8> {
    let mut bytes = random.bytes(4096);
    while bytes.len() < POOL {
        let new = 1 + random.below(8) as usize;
        bytes.extend(random.bytes(new));
        let length = 4 + random.below(37) as usize;
        let most_back = bytes.len().min(60_000) - length;
        let begin = bytes.len() - length - random.below(most_back as u64 + 1) as usize;
        bytes.extend_from_within(begin..begin + length);
    }
    bytes
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

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.next().to_le_bytes())
            .take(count.div_ceil(8))
            .flatten()
            .take(count)
            .collect()
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
