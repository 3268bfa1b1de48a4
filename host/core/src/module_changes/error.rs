//! Why the files of the modules directory are not changed.

use camino::Utf8PathBuf;
use disklessset_plugin_api::{Error, ErrorKind};

use crate::failure;
use crate::modules::{Refusal, Untrusted};
use crate::system::FileError;

/// Why a module is not installed or removed; nothing is changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The file is no module that would be used.
    #[error("cannot install {file}: {refusal}")]
    Refused {
        /// The file.
        file: Utf8PathBuf,
        /// What its file or its note says against it.
        refusal: Box<Refusal>,
    },
    /// It did not pass the check of its code.
    #[error("cannot install {file}: {cause}")]
    Check {
        /// The file.
        file: Utf8PathBuf,
        /// What the check said, in one line.
        cause: String,
    },
    /// What is put there would not be used.
    #[error("cannot install into {directory}: {cause}")]
    Directory {
        /// The modules directory.
        directory: Utf8PathBuf,
        /// Who else could change it.
        cause: Untrusted,
    },
    /// There is no such module.
    #[error("cannot remove module {name}: there is none in {directory}")]
    NoModule {
        /// The name.
        name: String,
        /// The modules directory.
        directory: Utf8PathBuf,
    },
    /// Several files carry the name and none is in use.
    #[error("cannot remove module {name}: which of {files}? remove the file itself")]
    Ambiguous {
        /// The name.
        name: String,
        /// The files.
        files: String,
    },
    /// Something of that name that is no file.
    #[error("cannot remove {file}: it is a directory, which no module is")]
    IsDirectory {
        /// The directory.
        file: Utf8PathBuf,
    },
    /// Nobody may put files there, or not this user.
    #[error("cannot change the modules in {directory}: {cause}")]
    NotWritable {
        /// The modules directory.
        directory: Utf8PathBuf,
        /// What the system says of it, and for whom.
        cause: String,
    },
    /// Its signature is not what the site wants.
    #[error("cannot install {file}: {cause}")]
    Signature {
        /// The file.
        file: Utf8PathBuf,
        /// What the signature lacks.
        cause: String,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The error of the API, with what helps.
pub(super) fn api_error(error: InstallError) -> Error {
    let hint = match &error {
        InstallError::Refused { refusal, .. } => refusal.hint(),
        InstallError::NoModule { .. } => Some("`disklessset module list` shows all modules".to_owned()),
        InstallError::NotWritable { .. } => {
            Some("run disklessset as root, or name a directory of your own with --modules-dir".to_owned())
        }
        _ => None,
    };
    let kind = match &error {
        InstallError::Refused { .. }
        | InstallError::Directory { .. }
        | InstallError::NotWritable { .. }
        | InstallError::IsDirectory { .. }
        | InstallError::Signature { .. } => ErrorKind::REFUSED,
        InstallError::NoModule { .. } => ErrorKind::NOT_FOUND,
        InstallError::Ambiguous { .. } => ErrorKind::USAGE,
        _ => ErrorKind::FAILED,
    };
    let error = failure::with_kind(kind, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
