//! Errors of registries as those of the program.

use disklessset_core::{failure, system::interrupt};
use disklessset_oci::{layout::LayoutError, registry::RegistryError};
use disklessset_plugin_api::{Error, ErrorKind};

/// The error of the program for one of a registry.
pub fn of(error: RegistryError) -> Error {
    match error {
        RegistryError::Stopped => match interrupt::check() {
            Err(cause) => failure::interrupted(cause),
            Ok(()) => Error::new(ErrorKind::INTERRUPTED, "stopped"),
        },
        RegistryError::Layout(LayoutError::File(error)) => failure::of(error),
        RegistryError::Status { status: 404, .. } => Error::new(ErrorKind::NOT_FOUND, error.to_string()),
        RegistryError::Denied { .. } | RegistryError::Manifest { .. } => Error::refused(error.to_string()),
        RegistryError::PlainHttp(ref host) => {
            let hint = format!("--plain-http={host} allows it");
            Error::refused(error.to_string()).hint(hint)
        }
        other => Error::failed(other.to_string()),
    }
}
