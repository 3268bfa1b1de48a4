//! The lock of one image: who has it acts on it, and nobody else does.

use crate::{
    failure,
    installations::{image_lock, journal},
    mirror,
    site::Site,
    system::lock::{Lock, LockError, Wait},
};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};

/// Takes the lock of an image.
pub(crate) fn lock_image(site: &Site, name: &ImageName, action: &str, wait: Wait) -> Result<Lock> {
    mirror::must_not_be_mirror(site)?;
    let what = format!("image {name}");
    let lock = Lock::acquire(&site.layout.locks_dir(), &image_lock(name), &what, action, wait);
    let lock = lock.map(Lock::leaving_nothing).map_err(|error| match error {
        LockError::Busy { .. } => {
            failure::with_kind(ErrorKind::BUSY, error).hint("try again later, or with --wait SECONDS")
        }
        LockError::Interrupted(cause) => failure::interrupted(cause),
        other => failure::of(other),
    })?;
    // Whoever was at it when the lock's file was removed still has the journal.
    let journal = journal::place(&site.layout, name.as_str());
    if journal::is_held(&journal).map_err(failure::of)? {
        return Err(at_work(&what));
    }
    Ok(lock)
}

/// The error of an action on something that another process is at, whose lock's file is gone.
pub(super) fn at_work(what: &str) -> Error {
    Error::new(ErrorKind::BUSY, format!("{what} is busy: a process is at work on it"))
        .because("the file of its lock is gone, and the process still has its journal open")
        .hint("try again when it has ended")
}
