//! What this user may not look at.

use crate::{failure, integrity::Fault};
use disklessset_plugin_api::Error;

/// Who may not look cannot tell; that is no fault of what he may not look at.
pub(super) fn cannot_tell(error: Error) -> Fault {
    match is_forbidden(&failure::one_line(&error)) {
        true => Fault::warning(format!("cannot tell: needs root ({})", failure::one_line(&error))),
        false => error.into(),
    }
}

/// Whether it is merely this user who may not look.
pub(super) fn is_forbidden(text: &str) -> bool {
    !nix::unistd::geteuid().is_root() && text.contains("Permission denied")
}
