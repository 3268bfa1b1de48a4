//! Replaces files.

use super::{Together, flush, parent_of, sync_dir, temporary::create_temporary};
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
    let (temporary, mut file) = create_temporary(path, mode)?;
    passed_halfway(Step::TemporaryHalfWritten, &path, || {
        let _ = file.write_all(&content[..content.len() / 2]);
    });
    let written = file
        .write_all(content)
        .inspect(|()| passed(Step::TemporaryWritten, &path))
        .and_then(|()| file.sync_all())
        .inspect(|()| passed(Step::TemporaryFlushed, &path))
        .map_err(FileError::of("write", &temporary))
        .and_then(|()| std::fs::rename(&temporary, path).map_err(FileError::of("replace", path)))
        .inspect(|()| passed(Step::TemporaryInPlace, &path));
    if let Err(error) = written {
        // The file aside is ours alone; if even this fails there is nothing better to do than to say the first error.
        let _ = std::fs::remove_file(&temporary);
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
    let mut temporaries = Vec::new();
    let done = (|| {
        for (path, content) in files {
            let (temporary, mut file) = create_temporary(path, mode)?;
            temporaries.push(temporary);
            file.write_all(content).map_err(FileError::of("write", path))?;
            passed(Step::TemporaryWritten, &path);
        }
        flush::sync_files(&temporaries.iter().map(Utf8PathBuf::as_path).collect::<Vec<_>>())?;
        for ((path, _), temporary) in files.iter().zip(&temporaries) {
            std::fs::rename(temporary, path).map_err(FileError::of("replace", path))?;
            passed(Step::TemporaryInPlace, &path);
            others.add(parent_of(path));
        }
        Ok(())
    })();
    if done.is_err() {
        for temporary in &temporaries {
            // Ours alone, or in its place; the first error is the one to tell.
            let _ = std::fs::remove_file(temporary);
        }
    }
    done
}
