//! NFS exports: a marked block in a file of our own, `/etc/exports.d/disklessset.exports`.
//!
//! One line a directory. Lines outside of the block are others', and stay as they are byte for byte; so do all other files. Each
//! change is one rename under a lock, on the record of the image it is made for; the server, where one runs, is then told.

pub(crate) mod block;
mod line;
mod server;

pub use line::{ExportLine, LineError};

use crate::system::{
    FileError, atomic_file, files,
    layout::Layout,
    lock::{Lock, LockError, Wait},
};
use block::Block;
use camino::Utf8Path;
use disklessset_plugin_api::messages::Exported;

/// Changes take a moment: whoever waits longer than this waits for something that hangs.
const PATIENCE: Wait = Wait::Seconds(30);
const LOCK: &str = "exports";
/// More is no exports file.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Why exports cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ExportsError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Somebody changes exports for a long time.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The block's end is missing, or the file is no text: nobody can tell whose lines are whose.
    #[error("{file} cannot be changed: {reason}")]
    Shape {
        /// The file.
        file: camino::Utf8PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Sets or takes away the line of a directory; gives back the line it had. `warn` hears of a server that could not be told: it is
/// told with the next change, and the file is right.
///
/// # Errors
/// When the file cannot be changed; it is then as it was.
pub fn set(
    layout: &Layout,
    path: &Utf8Path,
    line: Option<&str>,
    warn: &dyn Fn(&str),
) -> Result<Option<String>, ExportsError> {
    let _lock = Lock::acquire(&layout.locks_dir(), LOCK, "the exports", "change exports", PATIENCE)?;
    let file = layout.exports_file();
    files::sweep_asides(&file)?;
    let mut block = read(&file)?;
    let previous = block.set(path, line);
    if previous.as_deref() == line {
        return Ok(previous);
    }
    if block.is_nothing() {
        files::remove_file(&file)?;
    } else {
        if let Some(directory) = file.parent() {
            atomic_file::create_dir_all(directory, 0o755)?;
        }
        atomic_file::replace(&file, block.to_string().as_bytes(), 0o644)?;
    }
    if layout.is_system_root() {
        server::refresh(warn);
    }
    Ok(previous)
}

/// Removes what a process that was killed while it changed exports left beside the file.
///
/// # Errors
/// As for changes.
pub fn sweep(layout: &Layout) -> Result<(), ExportsError> {
    // Looked at first without the lock: next to always there is nothing.
    if files::has_asides(&layout.exports_file()) {
        let _lock = Lock::acquire(&layout.locks_dir(), LOCK, "the exports", "clean", PATIENCE)?;
        files::sweep_asides(&layout.exports_file())?;
    }
    Ok(())
}

/// What is exported now, in the order of the file.
///
/// # Errors
/// When the file cannot be read.
pub fn list(layout: &Layout) -> Result<Vec<Exported>, ExportsError> {
    Ok(read(&layout.exports_file())?.entries())
}

fn read(file: &Utf8Path) -> Result<Block, ExportsError> {
    let bytes = match atomic_file::read_bounded(file, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(Block::default()),
        Err(error) => return Err(error.into()),
    };
    let shape = |reason| ExportsError::Shape { file: file.to_owned(), reason };
    let text = String::from_utf8(bytes).map_err(|_| shape("it is not UTF-8 text"))?;
    Block::parse(&text).map_err(shape)
}
