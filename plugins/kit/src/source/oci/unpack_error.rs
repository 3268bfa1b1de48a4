//! What can be wrong with an OCI image, in words for the one line that the user reads.

use disklessset_plugin_api::Error;

/// Why an image or one of its layers is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// It is not what its digest or its format says.
    #[error("{0}")]
    Damaged(String),
    /// It is whole, but not taken.
    #[error("{0}")]
    Refused(String),
    /// Something that is not the image's fault.
    #[error("{0}")]
    Server(String),
    /// The user stopped it.
    #[error("{0}")]
    Stopped(Error),
}

impl UnpackError {
    /// A member of a layer, by the name it has there.
    pub(super) fn member(name: &[u8], why: impl std::fmt::Display) -> Self {
        Self::Refused(format!("its member {} {why}", shown(name)))
    }

    /// The error for the user, its first line being this one.
    pub(super) fn into_error(self, line: &str) -> Error {
        let (hint, text) = match self {
            Self::Stopped(error) => return error,
            Self::Damaged(text) => (Some("it is damaged or was changed: copy the image again"), text),
            Self::Refused(text) => return Error::refused(format!("{line}: {text}")),
            Self::Server(text) => (None, text),
        };
        let error = Error::failed(format!("{line}: {text}"));
        hint.map_or(error.clone(), |hint| error.hint(hint))
    }
}

/// Errors of reading, through whatever decompresses.
impl From<std::io::Error> for UnpackError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Server(error.to_string()),
            // With a number of the system it was the disk; without, a decoder that could not go on.
            _ if error.raw_os_error().is_some() => Self::Server(error.to_string()),
            _ => match error.downcast::<Error>() {
                Ok(stopped) => Self::Stopped(stopped),
                Err(error) => Self::Damaged(error.to_string()),
            },
        }
    }
}

/// A name of an image's making, quoted so that nothing in it reaches the terminal as it is.
pub(super) fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 200;
    let cut = if name.len() > LONGEST { "..." } else { "" };
    format!("\"{}{cut}\"", name[..name.len().min(LONGEST)].escape_ascii())
}
