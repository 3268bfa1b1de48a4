//! NFS exports: a marked block in a file of our own, `/etc/exports.d/disklessset.exports`.
//!
//! One line a directory. Lines outside of the block are others', and stay as they are byte for byte; so do all other files. Each
//! change is one rename under a lock, on the record of the image it is made for; the server, where one runs, is then told.

pub(crate) mod block;
mod client;
mod line;
mod options;
mod reading;
mod server;

pub(crate) use line::ExportLine;

use crate::system::{
    FileError, atomic_file, files,
    layout::Layout,
    lock::{Lock, LockError, Wait},
    own_directory,
};
use block::Block;
use camino::{Utf8Path, Utf8PathBuf};
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
        file: Utf8PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// The server's own tool stops in the middle of what would be written: the lines that follow there would be withdrawn.
    #[error("{file} stays as it is: exportfs of this server would not read it to its end: {reason}")]
    Unreadable {
        /// The file.
        file: Utf8PathBuf,
        /// What the tool says.
        reason: String,
    },
}

/// Whether the server's own tool is asked first if it reads what is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// It is, for lines that are to come into service.
    ByTheTool,
    /// It is not: what takes something back must not get stuck because of what others wrote.
    None,
}

/// Sets or takes away the lines of directories, in one step; tells whether that changed anything. `warn` hears of a server that could not
/// be told: it is told with the next change, and the file is right.
///
/// # Errors
/// When the file cannot be changed, or the server's own tool would not read it to its end; it is then as it was.
pub(crate) fn change(
    layout: &Layout,
    lines: &[(Utf8PathBuf, Option<String>)],
    check: Check,
    warn: &dyn Fn(&str),
) -> Result<bool, ExportsError> {
    let _lock = Lock::acquire(&layout.locks_dir(), LOCK, "the exports", "change exports", PATIENCE)?;
    let file = layout.exports_file();
    files::sweep_temporaries(&file)?;
    let before = read(&file)?;
    let mut block = before.clone();
    block.set_all(lines);
    if block == before {
        return Ok(false);
    }
    if block.is_nothing() {
        files::remove_file(&file)?;
    } else {
        let text = block.to_string();
        if check == Check::ByTheTool
            && let Some(reason) = reading::fault(&text)
        {
            return Err(ExportsError::Unreadable { file, reason });
        }
        if let Some(directory) = file.parent() {
            let made = own_directory::make_usable(directory, layout.trusted_from(), 0o755)
                .map_err(|error| error.into_file_error("rely on", directory))?;
            made.iter().for_each(|moved| warn(&moved.to_string()));
        }
        atomic_file::replace(&file, text.as_bytes(), 0o644)?;
    }
    if layout.is_system_root() {
        server::refresh(warn);
    }
    Ok(true)
}

/// Removes what a process that was killed while it changed exports left beside the file.
///
/// # Errors
/// As for changes.
pub(crate) fn sweep(layout: &Layout) -> Result<(), ExportsError> {
    // Looked at first without the lock: next to always there is nothing.
    if files::has_temporaries(&layout.exports_file()) {
        let _lock = Lock::acquire(&layout.locks_dir(), LOCK, "the exports", "clean", PATIENCE)?;
        files::sweep_temporaries(&layout.exports_file())?;
    }
    Ok(())
}

/// What is exported now, in the order of the file.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn list(layout: &Layout) -> Result<Vec<Exported>, ExportsError> {
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
