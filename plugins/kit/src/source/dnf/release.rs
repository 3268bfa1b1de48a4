//! Releases of the distributions that dnf installs, and what differs between them.

use crate::packages::OfRelease;
use disklessset_plugin_api::Error;
use std::{fmt, str::FromStr};

/// A release as dnf is given it (`9`, `9.4`, `41`), with the distribution it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Release {
    text: String,
    family: Family,
}

/// Who numbers its releases like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Enterprise Linux, with its major version.
    Enterprise(u32),
    /// Fedora, with its number.
    Fedora(u32),
    /// A name without a number, such as `rawhide`.
    Unnumbered,
}

impl FromStr for Release {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(plain) {
            return Err(Error::usage(format!("{text:?} is not a release, such as 9 or 41")));
        }
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        // Fedora passed 20 before Enterprise Linux had its first release with dnf.
        let family = match digits.parse::<u32>() {
            Ok(number @ 0..=20) => Family::Enterprise(number),
            Ok(number) => Family::Fedora(number),
            Err(_) => Family::Unnumbered,
        };
        Ok(Self { text: text.to_owned(), family })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Release {
    /// Whose release it is.
    pub(super) fn family(&self) -> Family {
        self.family
    }

    /// The platform that streams of modules are chosen by; releases before modules have none, and dnf would take the server's.
    pub(super) fn module_platform(&self) -> Option<String> {
        match self.family {
            Family::Enterprise(number @ 8..) => Some(format!("platform:el{number}")),
            Family::Fedora(number @ 28..) => Some(format!("platform:f{number}")),
            _ => None,
        }
    }

    /// What its package sets need beside what all have.
    pub(super) fn packages(&self) -> OfRelease {
        match self.family {
            // dracut of these has networking by shell scripts and dhclient; that of later ones by NetworkManager.
            Family::Enterprise(0..=9) => {
                OfRelease { release: "system-release", dhcp_client: Some("dhcp-client") }
            }
            Family::Enterprise(_) => OfRelease { release: "system-release", dhcp_client: None },
            // Every edition of Fedora calls itself a system release.
            _ => OfRelease { release: "fedora-release", dhcp_client: None },
        }
    }

    /// Where the rpm of that release keeps its database.
    pub(super) fn rpm_database(&self) -> &'static str {
        match self.family {
            Family::Enterprise(0..=9) | Family::Fedora(0..=35) => "/var/lib/rpm",
            _ => "/usr/lib/sysimage/rpm",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_and_database_follow_from_the_release() {
        for (text, platform, database) in [
            ("7", None, "/var/lib/rpm"),
            ("8", Some("platform:el8"), "/var/lib/rpm"),
            ("8.10", Some("platform:el8"), "/var/lib/rpm"),
            ("9-stream", Some("platform:el9"), "/var/lib/rpm"),
            ("10", Some("platform:el10"), "/usr/lib/sysimage/rpm"),
            ("41", Some("platform:f41"), "/usr/lib/sysimage/rpm"),
            ("rawhide", None, "/usr/lib/sysimage/rpm"),
        ] {
            let release: Release = text.parse().unwrap();
            assert_eq!(release.module_platform().as_deref(), platform, "{text}");
            assert_eq!(release.rpm_database(), database, "{text}");
        }
    }

    #[test]
    fn what_dnf_could_read_otherwise_is_refused() {
        for bad in ["", "-x", "9 --nogpgcheck", "9;id", "../9", "9\n"] {
            assert!(bad.parse::<Release>().is_err(), "{bad:?}");
        }
    }
}
