//! Files beside the one that they are for: made, found again and swept away.

use super::{
    Together,
    create::create_new,
    parent_of,
    remove::{remove_file, remove_file_together},
};
use crate::FileError;
use camino::{Utf8Path, Utf8PathBuf};
use std::{
    collections::HashSet,
    fs::File,
    io,
    sync::atomic::{AtomicU32, Ordering},
};

/// Creates a new empty file beside `path`, named after it with a leading dot, for content that is renamed to `path`
/// when it is whole. The mode is exact, whatever the umask.
///
/// # Errors
/// Whatever the system refuses.
pub fn create_temporary(path: &Utf8Path, mode: u32) -> Result<(Utf8PathBuf, File), FileError> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let stem = temporary_stem(path);
    for _ in 0..1000 {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = parent_of(path).join(format!(".{stem}.{}-{number}.new", std::process::id()));
        match create_new(&temporary, mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((temporary, file)),
        }
    }
    let source = io::Error::from(io::ErrorKind::AlreadyExists);
    Err(FileError { act: "find a free name beside", path: path.to_owned(), source })
}

/// What the names of files aside have of their file's name: all of it, unless it is too long for a name with more to it.
fn temporary_stem(path: &Utf8Path) -> &str {
    let name = path.file_name().unwrap_or("file");
    let mut end = name.len().min(200);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Whether there are files beside `path` that its writers make: of one that was killed, or is at it.
pub fn has_temporaries(path: &Utf8Path) -> bool {
    temporaries(path).is_ok_and(|found| !found.is_empty())
}

/// Removes what a writer of `path` that was killed left beside it. Only for those who hold the lock under which `path` is
/// written: nobody else's file aside can be there then.
///
/// # Errors
/// Whatever the system refuses.
pub fn sweep_temporaries(path: &Utf8Path) -> Result<(), FileError> {
    temporaries(path)?.iter().try_for_each(|temporary| remove_file(temporary))
}

/// The same for several files of one directory, which is read once.
///
/// # Errors
/// Whatever the system refuses.
pub fn sweep_temporaries_of(
    directory: &Utf8Path,
    files: &[&Utf8Path],
    others: &Together,
) -> Result<(), FileError> {
    let stems: HashSet<&str> = files.iter().map(|file| temporary_stem(file)).collect();
    let found = temporaries_in(directory, &|stem| stems.contains(stem))?;
    found.iter().try_for_each(|temporary| remove_file_together(temporary, others))
}

fn temporaries(path: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    let wanted = temporary_stem(path);
    temporaries_in(path.parent().unwrap_or(Utf8Path::new("/")), &|stem| stem == wanted)
}

fn temporaries_in(
    parent: &Utf8Path,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Utf8PathBuf>, FileError> {
    let entries = match parent.read_dir_utf8() {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(FileError::of("read directory", parent)(cause)),
    };
    // `.STEM.PROCESS-NUMBER.new`
    let stem =
        |name: &str| Some(name.strip_prefix('.')?.strip_suffix(".new")?.rsplit_once('.')?.0.to_owned());
    let ours = |name: &str| stem(name).is_some_and(|stem| is_wanted(&stem));
    Ok(entries.flatten().filter(|entry| ours(entry.file_name())).map(|entry| entry.into_path()).collect())
}
