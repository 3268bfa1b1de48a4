//! The layout and its lock, taken by an action, and by what undoes one.

use super::{Store, of_layout};
use crate::{
    failure,
    system::{
        interrupt,
        lock::{Lock, LockError, Wait},
    },
};
use disklessset_oci::layout::Layout as Oci;
use disklessset_plugin_api::{ErrorKind, Result};

/// The lock under which the layout is changed.
const LOCK: &str = "@versions";

/// Others hold it while they link or copy files: worth some patience, in seconds.
const PATIENCE: u64 = 600;

impl Store<'_> {
    pub(super) fn oci(&self) -> Result<Oci> {
        Ok(self.oci_unstopped()?.stopped_when(|| interrupt::check().is_err()))
    }

    /// For what undoes something: a signal has led to it, and does not keep it from its end.
    pub(super) fn oci_unstopped(&self) -> Result<Oci> {
        Oci::open_or_create(&self.layout.oci_dir(), &self.layout.blob_stamps_dir()).map_err(of_layout)
    }

    /// Makes the layout if there is none.
    ///
    /// # Errors
    /// When something else lies in its place, or it cannot be made.
    pub(crate) fn prepare(&self) -> Result<()> {
        if self.layout.has_oci() {
            return Ok(());
        }
        // Others may be making it, too.
        let _lock = self.lock()?;
        self.oci().map(drop)
    }

    pub(super) fn lock(&self) -> Result<Lock> {
        let (what, wait) = ("the store of versions", Wait::Seconds(PATIENCE));
        Lock::acquire(&self.layout.locks_dir(), LOCK, what, "change versions", wait).map_err(|error| {
            match error {
                LockError::Busy { .. } => failure::with_kind(ErrorKind::BUSY, error),
                LockError::Interrupted(cause) => failure::interrupted(cause),
                other => failure::of(other),
            }
        })
    }

    /// The same for what undoes something.
    pub(super) fn lock_unstopped(&self) -> Result<Lock> {
        let (what, started) = ("the store of versions", std::time::Instant::now());
        loop {
            match Lock::acquire(&self.layout.locks_dir(), LOCK, what, "undo versions", Wait::No) {
                Ok(lock) => return Ok(lock),
                Err(LockError::File(error)) => return Err(failure::of(error)),
                Err(error) if started.elapsed().as_secs() >= PATIENCE => {
                    return Err(failure::with_kind(ErrorKind::BUSY, error));
                }
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        }
    }
}
