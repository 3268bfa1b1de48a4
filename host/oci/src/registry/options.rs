//! How a registry is talked to.

use super::{Logins, RegistryError};
use crate::names::Host;
use camino::Utf8PathBuf;
use std::time::Duration;

/// How a registry is talked to. The default is HTTPS with the certificates that the server trusts, and no login.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who we are to it.
    pub logins: Logins,
    /// Files of PEM certificates that are trusted beside those of the server.
    pub certificates: Vec<Utf8PathBuf>,
    /// Plain HTTP, for this machine itself and for [`Self::plain_http_hosts`].
    pub plain_http: bool,
    /// Hosts, with their ports, that are talked to by plain HTTP always.
    pub plain_http_hosts: Vec<Host>,
    /// How often a request is made before its error is told.
    pub tries: u32,
    /// The pause before the second try; each one after it is twice as long.
    pub first_pause: Duration,
    /// The longest pause, also when a registry wants a longer one.
    pub longest_pause: Duration,
    /// How long nothing at all may come.
    pub silence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            logins: Logins::none(),
            certificates: Vec::new(),
            plain_http: false,
            plain_http_hosts: Vec::new(),
            tries: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            silence: Duration::from_secs(120),
        }
    }
}

impl Options {
    /// Whether a host is talked to by plain HTTP.
    pub(super) fn is_plain(&self, host: &Host) -> Result<bool, RegistryError> {
        let named = self.plain_http_hosts.contains(host);
        if self.plain_http && !named && !host.is_loopback() {
            return Err(RegistryError::PlainHttp(host.to_string()));
        }
        Ok(named || self.plain_http)
    }

    /// The pause after so many tries that failed; a registry may want a longer one.
    pub(super) fn pause(&self, failed: u32, wanted: Option<Duration>) -> Duration {
        let own = self.first_pause.saturating_mul(1 << failed.saturating_sub(1).min(16));
        own.max(wanted.unwrap_or_default()).min(self.longest_pause)
    }
}
