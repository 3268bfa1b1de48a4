//! Errors of files as modules tell them.

use disklessset_plugin_api::Error;
use disklessset_system::FileError;

/// The error of a module for an act on a file that the system refused.
pub fn into_api_error(error: FileError) -> Error {
    let errno = error.source.raw_os_error();
    Error::failed(error.to_string()).because(error.source).errno(errno)
}
