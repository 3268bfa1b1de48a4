//! What a process may have: files no larger, descriptors, processes and threads no more than its limits. At a limit our own calls
//! fail with an error, which is told with the limit; nothing dies without a word.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use camino::Utf8Path;
use disklessset_plugin_api::{Error, ErrorKind};
use rustix::process::{Resource, getrlimit};
use signal_hook::consts::SIGXFSZ;

use super::FileError;

/// Has a write beyond the largest size of a file fail with an error, as one on a full disk does, instead of ending the process. Programs that
/// are run have the signal as it was.
///
/// # Errors
/// When the system refuses the handler.
pub fn survive_file_size() -> io::Result<()> {
    // A handler, and not "ignore": that would be inherited by what we run.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map(drop)
}

/// Descriptors that are kept for taking back what was begun: where the work ran out of them, they are there. Dropped, they can be had.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    _kept: Vec<File>,
}

impl Spare {
    /// Keeps what a cleaning needs at the most.
    ///
    /// # Errors
    /// When so many are not to be had: then nothing should be begun.
    pub(crate) fn keep() -> Result<Self, FileError> {
        const NEEDED: usize = 16;
        let nothing = Utf8Path::new("/dev/null");
        let kept = (0..NEEDED).map(|_| File::open(nothing)).collect::<io::Result<_>>();
        Ok(Self { _kept: kept.map_err(FileError::of("keep descriptors of", nothing))? })
    }
}

/// Adds to an error for want of something that is limited which limit it is; whatever it came out as, it is a failure.
pub fn explained(mut error: Error) -> Error {
    let said =
        |words: &str| std::iter::once(&error.message).chain(&error.causes).any(|text| text.contains(words));
    // The same words are said of other things that are just not to be had now.
    let no_process = said("cannot start") || said("isolated");
    let known = [
        (said("File too large"), Resource::Fsize, "no file may have more than", "bytes (ulimit -f)"),
        (said("Too many open files"), Resource::Nofile, "no more may be open than", "files (ulimit -n)"),
        (
            no_process && said("Resource temporarily unavailable"),
            Resource::Nproc,
            "this user may have no more than",
            "processes and threads (ulimit -u), and a service has TasksMax",
        ),
    ];
    let limit = known.into_iter().filter(|known| known.0).find_map(|(_, resource, before, after)| {
        getrlimit(resource).current.map(|now| format!("{before} {now} {after}"))
    });
    let Some(limit) = limit else { return error };
    if matches!(error.kind, ErrorKind::USAGE | ErrorKind::REFUSED) {
        error.kind = ErrorKind::FAILED;
    }
    error.because(limit)
}
