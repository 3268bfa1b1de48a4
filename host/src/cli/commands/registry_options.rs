//! How the registries of a command are talked to: options that all commands about registries have.

use super::path_option;
use crate::registry::Connection;
use camino::Utf8PathBuf;
use clap::{Arg, ArgAction, ArgMatches};
use disklessset_oci::names::{Host, RegistryReference};
use disklessset_plugin_api::Result;

/// The options. Logins are none: they are in the files of podman, skopeo and docker.
pub(super) fn options() -> [Arg; 2] {
    [
        path_option("ca", "FILE", "Trust the certificates in FILE (PEM), too")
            .action(ArgAction::Append)
            .value_hint(clap::ValueHint::FilePath),
        Arg::new("plain-http")
            .long("plain-http")
            .value_name("HOST[:PORT]")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("")
            .action(ArgAction::Append)
            .help("Talk to a registry on this machine without TLS, or to HOST"),
    ]
}

/// What they say.
///
/// # Errors
/// A host that is none.
pub(super) fn connection(matches: &ArgMatches) -> Result<Connection> {
    let plain: Vec<&String> = matches.get_many("plain-http").into_iter().flatten().collect();
    let hosts = plain.iter().filter(|host| !host.is_empty());
    let hosts: std::result::Result<Vec<Host>, _> = hosts.map(|host| host.parse()).collect();
    Ok(Connection {
        certificates: matches.get_many::<Utf8PathBuf>("ca").into_iter().flatten().cloned().collect(),
        plain_http: plain.iter().any(|host| host.is_empty()),
        plain_http_hosts: hosts.map_err(crate::failure::usage)?,
    })
}

/// An address in a registry.
///
/// # Errors
/// A text that is none.
pub(super) fn address(matches: &ArgMatches, id: &str) -> Result<RegistryReference> {
    super::text(matches, id).parse().map_err(crate::failure::usage)
}
