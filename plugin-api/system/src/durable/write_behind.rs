//! Has a large file go to disk while a program writes it, so that its flush in the end has little left to do.

use super::sync_path;
use crate::FileError;
use camino::Utf8Path;
use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long is waited between two flushes. A processor that packs fills some hundred megabytes in it.
const PAUSE: Duration = Duration::from_millis(200);

/// A file that goes to disk behind its writer, for as long as this value lives.
#[derive(Debug)]
pub struct WriteBehind {
    /// Its end is what the thread waits for.
    stop: Option<Sender<()>>,
    /// Nothing where no thread could be had: then all of the file is left for the last flush.
    thread: Option<JoinHandle<Result<(), FileError>>>,
}

impl WriteBehind {
    /// Begins for a file that is there or that the writer makes.
    pub fn begin(file: &Utf8Path) -> Self {
        let (stop, stopped) = mpsc::channel();
        let file = file.to_owned();
        let flushing = thread::Builder::new().name("write behind".into());
        let thread = flushing
            .spawn(move || {
                let mut flushed = None;
                while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    // A writer that rests leaves nothing to do. One that has made no file yet neither.
                    let length = file.symlink_metadata().ok().map(|found| found.len());
                    if length != flushed {
                        flush_what_is_there(&file)?;
                        flushed = length;
                    }
                }
                Ok(())
            })
            .ok();
        Self { stop: Some(stop), thread }
    }

    /// Ends. The file still has to be flushed: the writer may have written since the last time.
    ///
    /// # Errors
    /// A write to the disk that failed: the system tells of it once, so who flushes the file later does not hear of it.
    pub fn end(mut self) -> Result<(), FileError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), FileError> {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(flushed)) => flushed,
            Some(Err(_)) | None => Ok(()),
        }
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        // Who drops it without asking has failed otherwise, and does not use the file.
        let _ = self.join();
    }
}

/// A file that the writer has not made yet is none to flush.
fn flush_what_is_there(file: &Utf8Path) -> Result<(), FileError> {
    match sync_path(file) {
        Err(error) if error.is_not_found() => Ok(()),
        flushed => flushed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::Place;

    #[test]
    fn a_file_that_comes_late_is_waited_for_and_one_that_cannot_be_flushed_is_told() {
        let place = Place::new();
        let file = place.path("image");
        let behind = WriteBehind::begin(&file);
        thread::sleep(PAUSE * 2);
        std::fs::File::create_new(&file).unwrap();
        thread::sleep(PAUSE * 2);
        behind.end().unwrap();

        let link = place.path("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let behind = WriteBehind::begin(&link);
        thread::sleep(PAUSE * 2);
        assert!(behind.end().unwrap_err().to_string().contains("cannot open"));
    }
}
