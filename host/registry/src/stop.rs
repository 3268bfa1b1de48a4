//! Signals, and a program that cancels, as the flag that clients of registries look at.

use disklessset_core::{failure, system::interrupt};
use disklessset_plugin_api::Result;
use disklessset_system::FileError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How often is looked.
const EVERY: Duration = Duration::from_millis(100);

/// A flag that is raised once a stop is asked for. Dropped, it is raised, too: nobody waits for anything any more.
#[derive(Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Looks from now on whether what this thread does is to stop.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub(crate) fn watch() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let (asked, raised) = (interrupt::of_this_thread(), Arc::clone(&flag));
        let look = move || {
            while !raised.load(Ordering::Relaxed) {
                if asked() {
                    raised.store(true, Ordering::Relaxed);
                }
                std::thread::sleep(EVERY);
            }
        };
        let thread = std::thread::Builder::new().name("stop".to_owned()).spawn(look);
        thread.map_err(|cause| failure::of(FileError::of("watch for", "a stop".into())(cause)))?;
        Ok(Self(flag))
    }

    /// The flag.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
