//! What is said of images that cannot be worked on.

use crate::{installations::Installation, system::process};
use disklessset_plugin_api::{Error, ErrorKind, ImageName};

/// A process is making it.
pub(crate) fn being_created(name: &ImageName, entry: &Installation) -> Error {
    let pid = entry.pid;
    match process::command(pid).filter(|_| entry.is_legacy()) {
        // 1.x says no more: its process may be back at its menu, and has the image registered still.
        Some(command) => {
            Error::new(ErrorKind::BUSY, format!("image {name} is being created by process {pid}: {command}"))
                .hint(format!("when that process does not create it: end it, then disklessset clean {name}"))
        }
        None => Error::new(ErrorKind::BUSY, format!("image {name} is being created by process {pid}"))
            .hint("try again when it is done, or with --wait SECONDS"),
    }
}

/// Its creation was interrupted.
pub(crate) fn corrupted(name: &ImageName) -> Error {
    Error::failed(format!("image {name} is CORRUPTED")).hint(format!("disklessset clean {name}"))
}

/// There is nothing of that name.
pub(crate) fn no_such_image(name: &ImageName) -> Error {
    Error::new(ErrorKind::NOT_FOUND, format!("there is no image {name}"))
        .hint("`disklessset list` shows all images")
}
