//! The proxies that a user's environment names, for tools that fetch.

use disklessset_plugin_api::Command;

/// Variables by which a user names proxies. Tools run without the user's environment.
const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "ftp_proxy",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// A package manager that fetches as the user would: with the proxies that the environment of disklessset names.
pub fn with_proxies(command: Command) -> Command {
    PROXIES.iter().fold(command, |command, name| match std::env::var(name) {
        Ok(value) if !value.is_empty() => command.env(name, value),
        _ => command,
    })
}
