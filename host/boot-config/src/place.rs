//! Where a boot server has what nodes fetch.

use crate::{loader::Loaders, waiting};
use camino::{Utf8Path, Utf8PathBuf};
use std::net::Ipv4Addr;

/// Why a place cannot stand in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Servers read signs in it as their own.
    #[error("{0} cannot stand in the configuration of a server: use letters, digits, - _ . and / alone")]
    Signs(Utf8PathBuf),
    /// Web servers cannot reach it.
    #[error("{directory} is not below {root}, which a web server serves")]
    Outside {
        /// The directory.
        directory: Utf8PathBuf,
        /// The root of the web server.
        root: Utf8PathBuf,
    },
}

/// Where a boot server has what nodes fetch, and how nodes reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    root: Utf8PathBuf,
    directories: Directories,
    /// The address of `root`.
    url: String,
    address: Ipv4Addr,
}

/// The directories that nodes fetch from, all below the root of the web server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// What `${diskless-base}` of boot files means.
    pub base: Utf8PathBuf,
    /// Images of the site.
    pub images: Utf8PathBuf,
    /// Kernels, and their initramfs files.
    pub kernels: Utf8PathBuf,
    /// The versions of images.
    pub oci: Utf8PathBuf,
    /// Boot files of nodes and pools.
    pub boot: Utf8PathBuf,
    /// Loaders for firmware.
    pub loaders: Utf8PathBuf,
}

impl Place {
    /// A boot server with this root of its web server, at this address of the network.
    ///
    /// # Errors
    /// When a directory is outside of the root, or has signs that servers read as their own.
    pub fn new(
        root: Utf8PathBuf,
        directories: Directories,
        url: Option<String>,
        address: Ipv4Addr,
    ) -> Result<Self, PlaceError> {
        let Directories { base, images, kernels, oci, boot, loaders } = &directories;
        for directory in [&root, base, images, kernels, oci, boot, loaders] {
            if !directory.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
            {
                return Err(PlaceError::Signs(directory.clone()));
            }
            if !directory.starts_with(&root) {
                return Err(PlaceError::Outside { directory: directory.clone(), root: root.clone() });
            }
        }
        let url = url.unwrap_or_else(|| format!("http://{address}"));
        Ok(Self { root, directories, url, address })
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    pub(crate) fn directories(&self) -> &Directories {
        &self.directories
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The network of the address, as most sites have it: what differs by the last number.
    pub(crate) fn in_network(&self, last: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.address.octets();
        Ipv4Addr::new(a, b, c, last)
    }

    /// The path of a directory in addresses, with a slash in front.
    pub(crate) fn path(&self, directory: &Utf8Path) -> String {
        let below = directory.strip_prefix(&self.root).unwrap_or(directory);
        format!("/{}", below.as_str().trim_start_matches('/'))
    }

    /// The whole address of a file.
    pub(crate) fn url_of(&self, directory: &Utf8Path, file: &str) -> String {
        format!("{}{}/{file}", self.url, self.path(directory))
    }

    /// The first file that iPXE fetches: the script that waits where it is there.
    pub(crate) fn first_for_ipxe(&self, loaders: &Loaders) -> String {
        if loaders.wait() { waiting::address(self.address) } else { self.entry() }
    }

    /// Where every node begins.
    fn entry(&self) -> String {
        self.url_of(&self.directories.boot, "entry.ipxe")
    }

    /// The server and port of the web server, for who stands in front of it.
    pub(crate) fn upstream(&self) -> String {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or(rest);
        let has_port =
            host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        if has_port { host.to_owned() } else { format!("{host}:80") }
    }
}

impl Directories {
    /// Those of a site that has all of them below one.
    pub fn below(base: &Utf8Path) -> Self {
        Self {
            images: base.join("images"),
            kernels: base.join("kernels"),
            oci: base.join("oci"),
            boot: base.join("boot"),
            loaders: base.join("loaders"),
            base: base.to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The place of the guides.
    pub(crate) fn example() -> Place {
        let base = Utf8Path::new("/var/www/html/preboot_execution_environment/diskless");
        Place::new("/var/www/html".into(), Directories::below(base), None, Ipv4Addr::new(10, 0, 0, 1))
            .unwrap()
    }

    #[test]
    fn addresses_are_those_that_nodes_use() {
        let place = example();
        assert_eq!(place.entry(), "http://10.0.0.1/preboot_execution_environment/diskless/boot/entry.ipxe");
        assert_eq!(place.upstream(), "10.0.0.1:80");
        let other = |url: &str| Place { url: url.to_owned(), ..example() };
        assert_eq!(other("http://boot.example.org:8080/x").upstream(), "boot.example.org:8080");
        assert_eq!(other("http://[fd00::1]").upstream(), "[fd00::1]:80");
    }

    #[test]
    fn places_that_servers_would_misread_are_refused() {
        let place = |root: &str, base: &str| {
            Place::new(root.into(), Directories::below(Utf8Path::new(base)), None, Ipv4Addr::new(10, 0, 0, 1))
        };
        for (root, base) in [
            ("/srv", "/var/d"),
            ("/srv", "/srv/a b"),
            ("/srv", "/srv/a\"b"),
            ("/s;v", "/s;v/d"),
            ("/srv", "/srv/a\nb"),
        ] {
            assert!(place(root, base).is_err(), "{root} {base}");
        }
        assert!(place("/srv", "/srv/d-1_x.y").is_ok());
    }
}
