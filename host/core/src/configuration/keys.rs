//! The keys of `diskless_parameters.yml`, declared once for people.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name; a dot leads into a mapping.
    pub name: &'static str,
    /// What its value is.
    pub value: &'static str,
    /// What holds when it is not there.
    pub default: &'static str,
    /// What it decides.
    pub help: &'static str,
}

const fn key(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Key {
    Key { name, value, default, help }
}

/// All keys, in the order of the page.
pub const KEYS: [Key; 28] = [
    key(
        "images_directory",
        "directory",
        "/var/www/html/preboot_execution_environment/diskless/images",
        "Where images are kept. Nodes fetch them from there, so a web server serves it (a key of 1.x)",
    ),
    key(
        "kernels_directory",
        "directory",
        "`kernels` beside images_directory",
        "Where kernels and initramfs files are kept; served like the images",
    ),
    key(
        "oci_directory",
        "directory",
        "`oci` beside images_directory",
        "Where the versions of images are kept, an OCI image layout; served like the images",
    ),
    key(
        "boot_directory",
        "directory",
        "`boot` beside images_directory",
        "Where the boot files of nodes and pools are kept; served like the images",
    ),
    key(
        "modules_path",
        "directory",
        "/usr/lib/disklessset/modules.d",
        "Where modules are looked for (a key of 1.x; the directory that 1.x used is passed over)",
    ),
    key(
        "work_directory",
        "directory",
        "/var/tmp/diskless/workdir",
        "Where images are worked on: OS trees while they are made, and the edits of mounted images",
    ),
    key(
        "state_directory",
        "directory",
        "/var/lib/diskless",
        "Where installations.yml, the journal and the modules of kernels are kept",
    ),
    key("logs_directory", "directory", "/var/log/disklessset", "Where the logs of images are kept"),
    key(
        "nfs_staging_directory",
        "directory",
        "/diskless/images/nfsimages/staging",
        "Where the trees of NFS staging images are kept",
    ),
    key(
        "nfs_golden_directory",
        "directory",
        "/diskless/images/nfsimages/golden",
        "Where the trees of NFS golden images and of their nodes are kept",
    ),
    key(
        "http_base_url",
        "http or https address",
        "http://${next-server}",
        "Where nodes find the web server's root. The default is the server that DHCP names",
    ),
    key(
        "loaders_directory",
        "directory",
        "`loaders` beside images_directory",
        "Where iPXE for firmware is kept, which `serve loaders` brings; served like the images, and by TFTP",
    ),
    key(
        "domain",
        "domain name",
        "none",
        "The domain of the nodes. With it, a node gets its boot file also by the host name NODE.DOMAIN",
    ),
    key(
        "autoclean",
        "true or false",
        "true",
        "Whether a command that changes something first cleans images that are CORRUPTED",
    ),
    key(
        "keep_versions",
        "number from 1",
        "3",
        "How many versions of an image `prune` keeps, besides the current one and those with a tag or a pool",
    ),
    key(
        "autoprune",
        "true or false",
        "true",
        "Whether an action that makes a version prunes those of the same image",
    ),
    key(
        "keep_bases",
        "number from 0",
        "2",
        "How many trees of packages are kept in the work area, so that the next image of the same packages begins from one. \
         0 keeps none",
    ),
    key("hold_versions", "true or false", "false", "Whether new versions wait for `release`, as with --hold"),
    key(
        "require_module_signatures",
        "true or false",
        "false",
        "Whether only modules are used that a key in /etc/disklessset/trusted-modules.d has signed",
    ),
    key(
        "signing.key",
        "file",
        "none: nothing is signed",
        "The private key, without a passphrase, that signs what nodes fetch. Only root can read it",
    ),
    key("signing.certificate", "file", "none", "The certificate of that key, for code signing"),
    key("signing.chain", "file", "none", "The certificates between that one and the one that nodes trust"),
    key(
        "registries.certificates",
        "list of files",
        "empty",
        "Certificates (PEM) that are trusted for registries, beside those that the server trusts",
    ),
    key(
        "registries.plain_http",
        "list of hosts",
        "empty",
        "Registries, as HOST or HOST:PORT, that are talked to without TLS",
    ),
    key(
        "mirror",
        "list of repositories",
        "empty: the server is no mirror",
        "Repositories, as HOST/REPOSITORY, that `mirror` brings. Each has the versions of one image",
    ),
    key(
        "mirror_pools",
        "HOST/REPOSITORY[:TAG]",
        "empty: the mirror has no nodes of another server",
        "The nodes and pools that `mirror` brings, as `push --pools` sent them",
    ),
    key(
        "trusted_proxies",
        "list of addresses and networks",
        "empty: nobody is",
        "Proxies and caches that `serve` believes about the node they ask for (X-Forwarded-For)",
    ),
    key("modules.NAME", "mapping", "empty", "A section for the module NAME, which reads it as it is"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{configuration::Configuration, system::layout::Layout};
    use std::collections::BTreeSet;

    /// The fields that a parser knows, from its words about one it does not know.
    fn known(text: &str) -> BTreeSet<String> {
        let words = Configuration::parse(text).unwrap_err();
        let list = words.split_once("expected ").unwrap().1;
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_key_that_is_read_is_declared_and_no_other() {
        let section = |key: &Key| key.name.split('.').next().unwrap_or_default().to_owned();
        assert_eq!(KEYS.iter().map(section).collect::<BTreeSet<_>>(), known("no_such_key: 1\n"));
        let signing: BTreeSet<String> =
            KEYS.iter().filter_map(|key| key.name.strip_prefix("signing.")).map(str::to_owned).collect();
        assert_eq!(signing, known("signing: {no_such_key: 1}\n"));
        let registries: BTreeSet<String> =
            KEYS.iter().filter_map(|key| key.name.strip_prefix("registries.")).map(str::to_owned).collect();
        assert_eq!(registries, known("registries: {no_such_key: 1}\n"));
    }

    #[test]
    fn defaults_are_those_that_hold() {
        let layout = Layout::builder().build().unwrap();
        let default = |name: &str| KEYS.iter().find(|key| key.name == name).unwrap().default;
        for (name, place) in [
            ("images_directory", layout.images_dir()),
            ("modules_path", layout.modules_dir()),
            ("work_directory", layout.workdir()),
            ("state_directory", layout.state_dir()),
            ("logs_directory", layout.logs_dir()),
            ("nfs_staging_directory", layout.nfs_staging_dir()),
            ("nfs_golden_directory", layout.nfs_golden_dir()),
        ] {
            assert_eq!(default(name), place, "{name}");
        }
        let none = Configuration::default();
        assert_eq!(default("http_base_url"), none.http_base_url());
        assert_eq!(default("autoclean"), none.autoclean().to_string());
        assert_eq!(default("require_module_signatures"), none.requires_module_signatures().to_string());
    }
}
