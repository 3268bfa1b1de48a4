//! Why a registry did not do what was asked.

use crate::{
    layout::LayoutError,
    manifest::ManifestError,
    names::{Digest, NameError, one_line, shown},
};
use camino::Utf8PathBuf;
use disklessset_system::FileError;
use std::{error::Error as _, fmt, time::Duration};

/// What went wrong between a registry and us. Each message is one line and has no login in it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The stop flag was raised.
    #[error("stopped")]
    Stopped,
    /// No connection, or one that broke off.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// Whom we talked to.
        host: String,
        /// What the system or TLS says.
        why: String,
    },
    /// The registry answered with an error.
    #[error("{host} answers {status} to {what}{}{}", said(.message), wait(.retry_after))]
    Status {
        /// Whom we asked.
        host: String,
        /// What we asked for.
        what: String,
        /// The status of HTTP.
        status: u16,
        /// What the registry says about it, in quotes; empty when it says nothing.
        message: String,
        /// How long it wants us to wait.
        retry_after: Option<Duration>,
    },
    /// It wants another login, or one at all.
    #[error("{host} refuses {what}: {why}")]
    Denied {
        /// Who refuses.
        host: String,
        /// What we asked for.
        what: String,
        /// What would help.
        why: String,
    },
    /// It does not keep to the specification, or what it says is not true.
    #[error("{host} gives a wrong answer to {what}: {why}")]
    Wrong {
        /// Whom we asked.
        host: String,
        /// What we asked for.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A place where the registry sends us and we do not go.
    #[error("{host} sends us to {place}: {why}")]
    Astray {
        /// Who sends us.
        host: String,
        /// Where to, in quotes.
        place: String,
        /// Why not.
        why: &'static str,
    },
    /// Plain HTTP to a host for which it is not allowed.
    #[error("plain HTTP is for this machine and for hosts that are named for it, not for {0}")]
    PlainHttp(String),
    /// A file with logins or certificates cannot be used. What it has is not told.
    #[error("{path} cannot be used: {why}")]
    Setting {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The layout on our side.
    #[error(transparent)]
    Layout(LayoutError),
    /// A manifest that cannot be used.
    #[error("the manifest {digest} cannot be used: {source}")]
    Manifest {
        /// Which one.
        digest: Digest,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// Something that is not what it is wanted for.
    #[error("{what} {why}")]
    Unfit {
        /// Its address.
        what: String,
        /// What it is, or lacks.
        why: String,
    },
    /// A name that cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl From<LayoutError> for RegistryError {
    fn from(error: LayoutError) -> Self {
        match error {
            LayoutError::Stopped => Self::Stopped,
            error => Self::Layout(error),
        }
    }
}

impl From<FileError> for RegistryError {
    fn from(error: FileError) -> Self {
        LayoutError::from(error).into()
    }
}

impl RegistryError {
    /// Whether the registry has no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }

    /// Whether another try may do better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// How long the registry wants us to wait before the next try.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(super) fn unreachable(host: &str, cause: &ureq::Error) -> Self {
        // Of the library's errors the ones with an own cause say more with it.
        let why = match cause.source() {
            Some(inner) if !cause.to_string().contains(&inner.to_string()) => {
                one_line(&format_args!("{cause}: {inner}"))
            }
            _ => one_line(cause),
        };
        // What `openssl req -x509` makes, and others than rustls take.
        let why = if why.contains("CaUsedAsEndEntity") {
            "its certificate is that of an authority (CA:TRUE); it needs one with CA:FALSE".to_owned()
        } else {
            why
        };
        Self::Unreachable { host: host.to_owned(), why }
    }

    pub(super) fn broke_off(host: &str, cause: &dyn fmt::Display) -> Self {
        Self::Unreachable { host: host.to_owned(), why: one_line(cause) }
    }

    pub(super) fn wrong(host: &str, what: &str, why: impl Into<String>) -> Self {
        Self::Wrong { host: host.to_owned(), what: what.to_owned(), why: why.into() }
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {}", shown(message)) }
}

fn wait(time: &Option<Duration>) -> String {
    time.map_or_else(String::new, |time| format!(" (it wants us to wait {} s)", time.as_secs()))
}
