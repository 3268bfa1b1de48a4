//! Replaces files.

use super::{Together, aside::create_aside, flush, parent_of, sync_dir};
use crate::{
    FileError,
    steps::{Step, passed, passed_halfway},
};
use camino::{Utf8Path, Utf8PathBuf};
use std::io::Write;

/// Makes `path` hold exactly `content` with the permission bits `mode`, durably: after a crash at any point the
/// file is the old one or the new one. A link at `path` is replaced, not followed.
///
/// # Errors
/// Whatever the system refuses; the old file is then untouched and nothing is left beside it.
pub fn replace(path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let (aside, mut file) = create_aside(path, mode)?;
    passed_halfway(Step::AsideHalfWritten, &path, || {
        let _ = file.write_all(&content[..content.len() / 2]);
    });
    let written = file
        .write_all(content)
        .inspect(|()| passed(Step::AsideWritten, &path))
        .and_then(|()| file.sync_all())
        .inspect(|()| passed(Step::AsideFlushed, &path))
        .map_err(FileError::of("write", &aside))
        .and_then(|()| std::fs::rename(&aside, path).map_err(FileError::of("replace", path)))
        .inspect(|()| passed(Step::AsideInPlace, &path));
    if let Err(error) = written {
        // The file aside is ours alone; if even this fails there is nothing better to do than to say the first error.
        let _ = std::fs::remove_file(&aside);
        return Err(error);
    }
    sync_dir(parent_of(path))
}

/// Makes files of one directory hold exactly these contents, as [`replace`] does one, with one flush before the renames. The renames are
/// durable once the others are whose changes are flushed with them.
///
/// # Errors
/// Whatever the system refuses. Some of the files may be new ones then, and nothing is left beside them.
pub fn replace_together(files: &[(&Utf8Path, &[u8])], mode: u32, others: &Together) -> Result<(), FileError> {
    let mut asides = Vec::new();
    let done = (|| {
        for (path, content) in files {
            let (aside, mut file) = create_aside(path, mode)?;
            asides.push(aside);
            file.write_all(content).map_err(FileError::of("write", path))?;
            passed(Step::AsideWritten, &path);
        }
        flush::sync_files(&asides.iter().map(Utf8PathBuf::as_path).collect::<Vec<_>>())?;
        for ((path, _), aside) in files.iter().zip(&asides) {
            std::fs::rename(aside, path).map_err(FileError::of("replace", path))?;
            passed(Step::AsideInPlace, &path);
            others.add(parent_of(path));
        }
        Ok(())
    })();
    if done.is_err() {
        for aside in &asides {
            // Ours alone, or in its place; the first error is the one to tell.
            let _ = std::fs::remove_file(aside);
        }
    }
    done
}
