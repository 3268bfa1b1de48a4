//! Why a path is not served.

use std::io;

use camino::Utf8PathBuf;

/// Why a path below the root is not served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file, or it is no regular file, or none that nodes fetch.
    #[error("{path}: no such file")]
    Missing {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
    },
    /// An unprivileged web server could not read it.
    #[error("{path}: mode {mode:04o} of {at} keeps a web server out")]
    Mode {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
        /// The file or directory whose mode is too tight.
        at: Utf8PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A link leads out of the root.
    #[error("{path}: a link leads out of the served directory")]
    Outside {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
    },
    /// A file that is never served.
    #[error("{path}: image records and hidden files are not served")]
    Hidden {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
    },
    /// The disk failed.
    #[error("cannot read {path}")]
    Io {
        /// The path asked for, relative to the root.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
