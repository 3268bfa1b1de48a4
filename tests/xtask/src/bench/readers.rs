//! Reading a tree as a node does: whole files in a row, and pieces of files at random.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::made_tree::Random;
use crate::failure::{self, Failure};

/// Pieces that are read at random.
const PIECES: u32 = 4000;
/// The bytes of a piece: a page.
const PIECE: u64 = 4096;

/// The regular files below a directory.
pub(super) struct TreeOfFiles(Vec<(Utf8PathBuf, u64)>);

impl TreeOfFiles {
    /// In the order in which a walk meets them.
    pub(super) fn below(top: &Utf8Path) -> Result<Self, Failure> {
        let (mut files, mut directories) = (Vec::new(), vec![top.to_owned()]);
        while let Some(directory) = directories.pop() {
            let wrong = || failure::file("read", &directory);
            // A name that is no text is no file of ours: it is read by no one here.
            for entry in std::fs::read_dir(&directory).map_err(wrong())? {
                let Ok(path) = Utf8PathBuf::from_path_buf(entry.map_err(wrong())?.path()) else { continue };
                let found = path.symlink_metadata().map_err(failure::file("look at", &path))?;
                if found.is_dir() {
                    directories.push(path);
                } else if found.is_file() {
                    files.push((path, found.len()));
                }
            }
        }
        Ok(Self(files))
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, length)| length).sum()
    }
}

/// Megabytes a second, when all files are read from their beginning to their end.
pub(super) fn one_after_the_other(files: &TreeOfFiles) -> Result<f64, Failure> {
    let mut buffer = vec![0; 1 << 20];
    let (started, mut read) = (Instant::now(), 0);
    for (path, _) in &files.0 {
        let wrong = || failure::file("read", path);
        let mut file = File::open(path).map_err(wrong())?;
        loop {
            match file.read(&mut buffer).map_err(wrong())? {
                0 => break,
                bytes => read += bytes,
            }
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "some hundred megabytes")]
    let megabytes = read as f64 / 1e6;
    Ok(megabytes / started.elapsed().as_secs_f64())
}

/// Pieces a second, read from places all over the bytes of the files. Opening a file is not counted.
pub(super) fn at_random(files: &TreeOfFiles) -> Result<f64, Failure> {
    let mut random = Random::new();
    let mut ends: Vec<u64> = Vec::with_capacity(files.0.len());
    for (_, length) in &files.0 {
        ends.push(ends.last().copied().unwrap_or(0) + length);
    }
    let Some(all) = ends.last().copied().filter(|all| *all > 0) else { return Ok(f64::NAN) };
    let mut buffer = [0; PIECE as usize];
    let mut spent = Duration::ZERO;
    for _ in 0..PIECES {
        let byte = random.below(all);
        let index = ends.partition_point(|end| *end <= byte);
        let (path, length) = &files.0[index];
        let within = byte - (ends[index] - length);
        let file = File::open(path).map_err(failure::file("open", path))?;
        let started = Instant::now();
        file.read_at(&mut buffer, within - within % PIECE).map_err(failure::file("read", path))?;
        spent += started.elapsed();
    }
    Ok(f64::from(PIECES) / spent.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "files of a test")]
    fn all_files_of_a_tree_are_read_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        std::fs::write(top.join("a/b/one"), vec![1; 10_000]).unwrap();
        std::fs::write(top.join("two"), b"2").unwrap();
        std::os::unix::fs::symlink("two", top.join("link")).unwrap();
        let files = TreeOfFiles::below(top).unwrap();
        assert_eq!((files.count(), files.bytes()), (2, 10_001));
        assert!(one_after_the_other(&files).unwrap() > 0.0 && at_random(&files).unwrap() > 0.0);
        assert!(at_random(&TreeOfFiles(Vec::new())).unwrap().is_nan());
    }
}
