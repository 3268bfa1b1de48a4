//! Trees with files as an operating system has them, the same in every run.

use std::fs::File;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::site::{make_dir, write};
use crate::failure::{self, Failure};

/// How large a tree is.
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

/// Fills a directory: sizes as in an operating system, many small files and few large ones.
pub(super) fn fill(tree: &Utf8Path, size: Size) -> Result<(), Failure> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let directories: Vec<Utf8PathBuf> = (0..size.directories)
        .map(|number| tree.join(format!("usr/{}/{}/{number}", number % 12, number / 12 % 10)))
        .collect();
    directories.iter().try_for_each(|directory| make_dir(directory))?;
    // Three bits a byte: it packs to some two fifths, as operating systems do.
    let letters = |word: u64| word.to_le_bytes().map(|byte| b'a' + byte % 8);
    let noise: Vec<u8> = (0..1 << 21).flat_map(|_| letters(random.next())).collect();
    // Half of the files are small, and each doubling of the size is half as frequent: up to some 10 MB.
    let weight = |random: &mut Random| (1000 + random.below(1000)) << random.next().trailing_zeros().min(11);
    let weights: Vec<u64> = (0..size.files).map(|_| weight(&mut random)).collect();
    let all: u64 = weights.iter().sum();
    for (number, weight) in weights.into_iter().enumerate() {
        let length = ((weight * size.bytes / all) as usize).min(noise.len() - 1);
        let begin = random.below((noise.len() - length) as u64) as usize;
        let directory = &directories[random.below(size.directories) as usize];
        let path = directory.join(format!("file{number}"));
        let written =
            File::create_new(&path).and_then(|mut file| file.write_all(&noise[begin..begin + length]));
        written.map_err(failure::file("write", &path))?;
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
    write(&modules.join("modules.dep"), b"")?;
    write(&tree.join("etc/passwd"), b"root:x:0:0:root:/root:/bin/sh\n")?;
    write(&tree.join("etc/shadow"), b"root:!locked:19000:0:99999:7:::\n")
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
