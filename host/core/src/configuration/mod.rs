//! `diskless_parameters.yml`: the keys of 1.x and ours.

mod http_base_url;
mod keys;
mod proxy_network;
mod registries;

use crate::{
    system::{FileError, atomic_file},
    yaml,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::names::RegistryReference;
use disklessset_plugin_api::node_set::NodeName;
use http_base_url::HttpBaseUrl;
use ipnet::IpNet;
pub use keys::KEYS;
use proxy_network::ProxyNetwork;
pub use registries::Registries;
use registries::{MirroredNodes, MirroredRepository};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, num::NonZeroUsize};

/// The most the file may hold, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// What the configuration file says; everything has a default, and a missing file is all defaults.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Where modules are looked for (a key of 1.x).
    #[serde(default)]
    pub modules_path: Option<Utf8PathBuf>,
    /// Where images are kept (a key of 1.x).
    #[serde(default)]
    pub images_directory: Option<Utf8PathBuf>,
    /// Where kernels are kept; `kernels` beside the images unless set.
    #[serde(default)]
    pub kernels_directory: Option<Utf8PathBuf>,
    /// Where versions are kept; `oci` beside the images unless set.
    #[serde(default)]
    pub oci_directory: Option<Utf8PathBuf>,
    /// Where the boot files of nodes and pools are; `boot` beside the images unless set.
    #[serde(default)]
    pub boot_directory: Option<Utf8PathBuf>,
    /// Where loaders for firmware are; `loaders` beside the images unless set.
    #[serde(default)]
    pub loaders_directory: Option<Utf8PathBuf>,
    /// The work area.
    #[serde(default)]
    pub work_directory: Option<Utf8PathBuf>,
    /// Where installations, journals and kernel modules are kept.
    #[serde(default)]
    pub state_directory: Option<Utf8PathBuf>,
    /// Where logs are kept.
    #[serde(default)]
    pub logs_directory: Option<Utf8PathBuf>,
    /// Where the trees of NFS staging images are kept.
    #[serde(default)]
    pub nfs_staging_directory: Option<Utf8PathBuf>,
    /// Where the trees of NFS golden images are kept.
    #[serde(default)]
    pub nfs_golden_directory: Option<Utf8PathBuf>,
    /// The address of the HTTP root in boot files.
    #[serde(default)]
    http_base_url: Option<HttpBaseUrl>,
    /// The domain of the nodes: letters, digits, `-` and dots.
    #[serde(default)]
    domain: Option<NodeName>,
    /// Whether a command that changes something cleans CORRUPTED images first.
    #[serde(default)]
    autoclean: Option<bool>,
    /// How many versions of an image are kept.
    #[serde(default)]
    keep_versions: Option<NonZeroUsize>,
    /// Whether a new version has older ones pruned.
    #[serde(default)]
    autoprune: Option<bool>,
    /// How many bases are kept.
    #[serde(default)]
    keep_bases: Option<usize>,
    /// Whether new versions wait for their release.
    #[serde(default)]
    hold_versions: Option<bool>,
    /// Whether only modules with the signature of a trusted key are installed and used.
    #[serde(default)]
    require_module_signatures: Option<bool>,
    /// The key and the certificate with which what nodes fetch is signed; nothing is signed without.
    #[serde(default)]
    pub signing: Option<SigningKeys>,
    /// How registries are talked to.
    #[serde(default)]
    pub registries: Registries,
    /// The repositories that `mirror` brings.
    #[serde(default)]
    mirror: Vec<MirroredRepository>,
    /// The nodes and pools that `mirror` brings.
    #[serde(default)]
    mirror_pools: Option<MirroredNodes>,
    /// Proxies that the boot server believes about whom they ask for.
    #[serde(default)]
    trusted_proxies: Vec<ProxyNetwork>,
    /// A section for each module, handed to it as it is.
    #[serde(default)]
    modules: BTreeMap<String, Map<String, Value>>,
}

/// What signs the files that nodes fetch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeys {
    /// A private key without a passphrase, which only root can read.
    pub key: Utf8PathBuf,
    /// Its certificate, for code signing.
    pub certificate: Utf8PathBuf,
    /// The certificates between that one and the one that nodes trust, if there are any.
    #[serde(default)]
    pub chain: Option<Utf8PathBuf>,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It is there and cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what it should be.
    #[error("cannot understand {path}: {reason}")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Line, field and reason.
        reason: String,
    },
}

/// Where the configuration lies unless told otherwise.
pub const DEFAULT_PATH: &str = "/etc/disklessset/diskless_parameters.yml";

impl Configuration {
    /// Reads a configuration file; a missing one is all defaults.
    ///
    /// # Errors
    /// When it cannot be read or has a key or value that means nothing; file, line and field are named.
    pub fn load(path: &Utf8Path) -> Result<Self, ConfigurationError> {
        let bytes = match atomic_file::read_bounded(path, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).map_err(|reason| ConfigurationError::Unreadable { path: path.to_owned(), reason })
    }

    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Option<Self> = yaml::from_str(text)?;
        Ok(document.unwrap_or_default())
    }

    /// What boot files put before the path: `http://${next-server}` unless set, the server that DHCP names.
    pub fn http_base_url(&self) -> &str {
        self.http_base_url.as_ref().map_or("http://${next-server}", HttpBaseUrl::as_str)
    }

    /// The domain of the nodes, if the site has one.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_ref().map(NodeName::as_str)
    }

    /// Whether commands that change something clean first; yes unless told otherwise.
    pub fn autoclean(&self) -> bool {
        self.autoclean.unwrap_or(true)
    }

    /// How many versions of an image `prune` keeps; three unless told otherwise.
    pub fn keep_versions(&self) -> usize {
        self.keep_versions.map_or(3, NonZeroUsize::get)
    }

    /// Whether an action that makes a version prunes those of its image; yes unless told otherwise.
    pub fn autoprune(&self) -> bool {
        self.autoprune.unwrap_or(true)
    }

    /// How many trees of packages are kept for the next images of the same packages; two unless told otherwise.
    pub fn keep_bases(&self) -> usize {
        self.keep_bases.unwrap_or(2)
    }

    /// Whether new versions wait for their release; no unless told otherwise.
    pub fn hold_versions(&self) -> bool {
        self.hold_versions.unwrap_or(false)
    }

    /// Whether modules need the signature of a key the site trusts; no unless told otherwise.
    pub fn requires_module_signatures(&self) -> bool {
        self.require_module_signatures.unwrap_or(false)
    }

    /// The repositories that `mirror` brings where none are named.
    pub fn mirror(&self) -> Vec<RegistryReference> {
        self.mirror.iter().map(|repository| repository.0.clone()).collect()
    }

    /// The nodes and pools that `mirror` brings where nothing is said of them.
    pub fn mirror_pools(&self) -> Option<RegistryReference> {
        self.mirror_pools.as_ref().map(|nodes| nodes.0.clone())
    }

    /// The networks of proxies that are believed about whom they ask for.
    pub fn trusted_proxies(&self) -> impl Iterator<Item = IpNet> {
        self.trusted_proxies.iter().map(|proxy| proxy.0)
    }

    /// The section of a module.
    pub fn of_module(&self, module: &str) -> Value {
        Value::Object(self.modules.get(module).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_1x_and_ours() {
        let text = "modules_path: /opt/modules\nimages_directory: /srv/preboot_execution_environment/images\nautoclean: false\n\
                    http_base_url: http://10.0.0.1:8080/\nmodules:\n  livenet:\n    apt_sources: /etc/apt/x\n";
        let configuration = Configuration::parse(text).unwrap();
        assert_eq!(configuration.modules_path.as_deref(), Some(Utf8Path::new("/opt/modules")));
        assert_eq!(configuration.http_base_url(), "http://10.0.0.1:8080");
        assert!(!configuration.autoclean());
        assert_eq!(configuration.of_module("livenet")["apt_sources"], "/etc/apt/x");
        assert_eq!(configuration.of_module("other"), serde_json::json!({}));
        assert_eq!(Configuration::parse("").unwrap().http_base_url(), "http://${next-server}");
    }

    #[test]
    fn signing_takes_a_key_and_its_certificate() {
        let text = "signing:\n  key: /etc/site.key\n  certificate: /etc/site.crt\n";
        let keys = Configuration::parse(text).unwrap().signing.unwrap();
        assert_eq!((keys.key.as_str(), keys.certificate.as_str()), ("/etc/site.key", "/etc/site.crt"));
        assert!(Configuration::parse("").unwrap().signing.is_none());
        for bad in ["signing: {key: /a}\n", "signing: {key: /a, certificate: /b, password: x}\n"] {
            assert!(Configuration::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn faults_name_line_and_field() {
        let reason = Configuration::parse("modules_path: /x\nimage_dir: /y\n").unwrap_err();
        assert!(reason.contains("image_dir") && reason.contains("line 2"), "{reason}");
        let reason = Configuration::parse("http_base_url: \"http://x\\nboot\"\n").unwrap_err();
        assert!(reason.contains("no address"), "{reason}");
    }
}
