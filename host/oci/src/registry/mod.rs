//! Registries over HTTP, as the OCI distribution specification has them: what is needed to push and to pull artifacts.
//!
//! Calls block. All that comes is verified by its digest as it arrives, and memory does not grow with the size of a blob. What breaks off
//! is tried again, some times, downloads from where they were. A login goes to the host that it is for and to no other.

mod artifacts;
mod ask;
mod challenge;
mod download;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod hostile;
mod logins;
mod manifests;
mod options;
mod os_images;
mod os_manifest;
mod place;
mod referrers;
mod secret;
mod tags;
mod tokens;
mod tries;
mod upload;
mod wire;

pub use artifacts::PulledArtifact;
pub use download::{Fetched, Pulled};
pub use error::RegistryError;
pub use logins::Logins;
pub use manifests::RemoteManifest;
pub use options::Options;
pub use os_images::OsImage;
pub use referrers::Referrer;
pub use upload::Pushed;

use crate::names::{Digest, Host, RepositoryName};
use place::{Origin, OriginPath};
use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
};
use tokens::Tokens;
use wire::Wire;

/// How far a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which blob.
    pub digest: Digest,
    /// Bytes that are over.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
}

/// One repository of a registry.
pub struct Registry {
    name: Host,
    repository: RepositoryName,
    origin: Origin,
    options: Options,
    wire: Wire,
    tokens: Tokens,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({}/{})", self.origin, self.repository)
    }
}

impl Registry {
    /// Makes a client; nothing is asked yet. When `stop` becomes `true` what is under way ends within a second, as
    /// [`RegistryError::Stopped`], and the client is of no use any more; hashing in the layout ends so, too, when it is
    /// [`Layout::stopped_by`](crate::layout::Layout::stopped_by) the same flag.
    ///
    /// # Errors
    /// Plain HTTP to a host that it is not allowed for; a file of certificates that cannot be used.
    pub fn new(
        host: &Host,
        repository: &RepositoryName,
        options: Options,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, RegistryError> {
        // The one registry whose name is not where it answers.
        let there = if host.as_str() == "docker.io" { "registry-1.docker.io".parse()? } else { host.clone() };
        let origin = Origin::new(options.is_plain(host)?, there);
        let wire = Wire::new(&options, host.is_loopback(), stop)?;
        Ok(Self {
            name: host.clone(),
            repository: repository.clone(),
            origin,
            options,
            wire,
            tokens: Tokens::default(),
        })
    }

    /// A place in the repository: `blobs/…`, `manifests/…`.
    fn place(&self, what: &str) -> OriginPath {
        OriginPath::new(&self.origin, format!("/v2/{}/{what}", self.repository))
    }

    /// The registry's name for messages.
    fn host(&self) -> &str {
        self.name.as_str()
    }
}

#[cfg(test)]
mod tests;
