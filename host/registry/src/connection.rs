//! Whom a command line means, and how it is talked to.

use crate::{failure, stop::Stop};
use camino::Utf8PathBuf;
use disklessset_oci::{
    names::{Host, RegistryReference},
    registry::{Logins, Options, Registry},
};
use disklessset_plugin_api::Result;

/// How registries are talked to. Logins are those of the user who runs this; a login is no part of it.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Files of PEM certificates that are trusted beside those of the server.
    pub certificates: Vec<Utf8PathBuf>,
    /// Plain HTTP for a registry on this machine itself.
    pub plain_http: bool,
    /// Registries that are talked to by plain HTTP wherever they are.
    pub plain_http_hosts: Vec<Host>,
}

/// A repository that can be asked. Nothing was asked yet.
#[derive(Debug)]
pub struct Connected {
    registry: Registry,
    // A signal, or a program that cancels, ends what is under way as long as this is there.
    _stop: Stop,
}

impl Connection {
    /// Makes the client of a repository.
    ///
    /// # Errors
    /// A file of certificates or logins that cannot be used; plain HTTP to a registry that it is not allowed for.
    pub fn to(&self, reference: &RegistryReference) -> Result<Connected> {
        let options = Options {
            logins: Logins::of_user().map_err(failure::of)?,
            certificates: self.certificates.clone(),
            plain_http: self.plain_http,
            plain_http_hosts: self.plain_http_hosts.clone(),
            ..Options::default()
        };
        let stop = Stop::watch()?;
        let registry = Registry::new(&reference.host, &reference.repository, options, stop.flag())
            .map_err(failure::of)?;
        Ok(Connected { registry, _stop: stop })
    }
}

impl Connected {
    /// The repository.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}
