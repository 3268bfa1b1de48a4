//! The distribution of this server, and the source that fits it.

use super::{Source, SourceError};

impl Source {
    /// The source that fits a server with this `os-release`.
    ///
    /// # Errors
    /// When its distribution is of neither family.
    pub fn of_server(os_release: &str) -> Result<Self, SourceError> {
        let family = format!("{} {}", field(os_release, "ID"), field(os_release, "ID_LIKE"));
        let is_like = |names: &[&str]| family.split_whitespace().any(|id| names.contains(&id));
        if is_like(&["debian", "ubuntu"]) {
            Ok(Self::Apt)
        } else if is_like(&["rhel", "fedora", "centos", "rocky", "almalinux"]) {
            Ok(Self::Dnf)
        } else {
            Err(SourceError::NoDefault(field(os_release, "ID").to_owned()))
        }
    }
}

/// One field of an `os-release` text, quotes removed; empty when it is not there.
pub fn field<'t>(os_release: &'t str, name: &str) -> &'t str {
    os_release
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value.trim().trim_matches(['"', '\'']))
}

/// The `os-release` of this server; empty when it has none.
pub fn servers_os_release() -> String {
    ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|file| std::fs::read_to_string(file).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_follows_the_server() {
        assert_eq!(Source::of_server("ID=ubuntu\nID_LIKE=debian\n"), Ok(Source::Apt));
        assert_eq!(Source::of_server("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Ok(Source::Dnf));
        assert_eq!(Source::of_server("ID=arch\n"), Err(SourceError::NoDefault("arch".to_owned())));
    }
}
