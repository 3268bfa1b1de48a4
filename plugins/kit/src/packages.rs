//! What goes into an OS tree that is made from packages: the sets of 1.x, for apt here, for dnf in a room of their own.
//!
//! | set | 1.x with dnf | with apt |
//! |---|---|---|
//! | STANDARD | `@core` | apt, Debian's tools of a server without a desktop, NetworkManager, openssh |
//! | SMALL | dnf, iproute, procps, NetworkManager, openssh | apt, NetworkManager, openssh, the base |
//! | CORE | iproute, procps, openssh | openssh, the base; dpkg stays, Debian cannot be without it; addresses by systemd-networkd |
//!
//! The base is what a node needs to come up at all: init, udev, message bus, login, network tools.

mod of_dnf;

pub use of_dnf::{KERNEL_OF_DNF, OfRelease, for_dnf, left_out_of_dnf};

use std::{fmt, str::FromStr};

/// How much of a distribution goes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageSet {
    /// A normal server.
    Standard,
    /// Package manager, network manager and openssh.
    Small,
    /// Openssh only.
    Core,
}

impl PackageSet {
    /// All sets as they are written in records and asked for.
    pub const NAMES: [&str; 3] = ["STANDARD", "SMALL", "CORE"];

    /// Whether manuals, translations and documentation are left out.
    pub fn is_trimmed(self) -> bool {
        self != Self::Standard
    }
}

impl fmt::Display for PackageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "STANDARD",
            Self::Small => "SMALL",
            Self::Core => "CORE",
        })
    }
}

/// Not the name of a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of STANDARD, SMALL, CORE")]
pub struct UnknownSet(String);

impl FromStr for PackageSet {
    type Err = UnknownSet;

    /// Reads `CORE`, `core` and, as 1.x wrote it, `Type.CORE`.
    fn from_str(text: &str) -> Result<Self, UnknownSet> {
        match text.strip_prefix("Type.").unwrap_or(text).to_ascii_uppercase().as_str() {
            "STANDARD" => Ok(Self::Standard),
            "SMALL" => Ok(Self::Small),
            "CORE" => Ok(Self::Core),
            _ => Err(UnknownSet(text.to_owned())),
        }
    }
}

/// What a node needs to come up, whatever the set. `usr-is-merged` stands for the package
/// that would merge `/usr` at install time and brings 46 MiB of Perl for it.
const BASE: [&str; 13] = [
    "usr-is-merged",
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "kmod",
    "iproute2",
    "procps",
    "login",
    "passwd",
    "e2fsprogs",
    "libpam-systemd",
    "openssh-server",
];

/// CORE's way to names and addresses: both daemons are systemd's own.
const CORE: [&str; 1] = ["systemd-resolved"];

const SMALL: [&str; 5] = ["apt", "ca-certificates", "iputils-ping", "network-manager", "netbase"];

const STANDARD: [&str; 28] = [
    "apt-utils",
    "bash-completion",
    "bzip2",
    "chrony",
    "cpio",
    "cron",
    "curl",
    "ethtool",
    "file",
    "gnupg",
    "htop",
    "less",
    "locales",
    "logrotate",
    "lsof",
    "man-db",
    "nano",
    "openssh-client",
    "parted",
    "pciutils",
    "psmisc",
    "rsync",
    "rsyslog",
    "sudo",
    "tzdata",
    "vim-tiny",
    "whiptail",
    "xz-utils",
];

/// What the tree needs so that an initramfs for network boots can be made in it.
const INITRAMFS: [&str; 10] = [
    "dracut",
    "dracut-network",
    "dracut-live",
    "isc-dhcp-client",
    "iputils-arping",
    "dmsetup",
    "nfs-common",
    "zstd",
    "curl",
    "ca-certificates",
];

/// What a tree whose root is mounted over NFS needs to look after that mount.
const NFS: [&str; 1] = ["nfs-common"];

const SELINUX: [&str; 2] = ["selinux-policy-default", "policycoreutils"];

/// What else a tree from packages gets, beside its set.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// What the tree is for.
    pub purpose: Purpose,
    /// The kernel package, with what an initramfs needs, for images that use the kernel of their own tree.
    pub kernel_package: Option<String>,
    /// Whether SELinux is wanted.
    pub selinux: Selinux,
    /// Packages that the user named.
    pub additional: Vec<String>,
}

/// What a node does with its tree, from which follows what else must be in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Runs from a copy in its RAM.
    #[default]
    Livenet,
    /// Has it mounted over NFS.
    Nfs,
}

/// Whether a node runs with SELinux.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Selinux {
    /// With it.
    On,
    /// Without it.
    #[default]
    Off,
}

/// The kernel package that `from-image` takes when none is named: the one with the drivers of real machines.
///
/// The same for every set: a smaller one (`linux-image-cloud-amd64`) has drivers for virtual machines only, and a CORE image that
/// does not find its network card would be of no use.
///
/// `distribution` is the `ID` of an `os-release`: Ubuntu calls its kernels otherwise than Debian.
pub fn default_kernel_package(distribution: &str) -> String {
    if distribution == "ubuntu" {
        return "linux-image-generic".to_owned();
    }
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux-image-{machine}")
}

/// All packages to install with apt, in a stable order, each once.
pub fn for_apt(set: PackageSet, extras: &Extras) -> Vec<String> {
    let mut packages = Vec::new();
    let mut add = |more: &[&str]| add_to(&mut packages, more);
    add(&BASE);
    match set {
        PackageSet::Core => add(&CORE),
        PackageSet::Small => add(&SMALL),
        PackageSet::Standard => {
            add(&SMALL);
            add(&STANDARD);
        }
    }
    if let Some(kernel) = &extras.kernel_package {
        add(&[kernel.as_str()]);
        add(&INITRAMFS);
    }
    if extras.purpose == Purpose::Nfs {
        add(&NFS);
    }
    if extras.selinux == Selinux::On {
        add(&SELINUX);
    }
    for package in &extras.additional {
        add(&[package.as_str()]);
    }
    packages
}

/// Why a package of the user's cannot be installed by the package manager of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotForSource {
    /// A file or an address: no repository vouches for what is in it.
    #[error("{0:?} is a file or an address, no package: put it into a repository and give that with --repo")]
    File(String),
    /// What only dnf knows.
    #[error("{0:?} is no package to apt: a capability, a path or a group is something for dnf")]
    OfDnf(String),
}

/// Asserts that apt takes this for a package.
///
/// # Errors
/// When it is something else to it.
pub fn must_be_for_apt(package: &str) -> Result<(), NotForSource> {
    if package.starts_with('/') || package.ends_with(".deb") {
        Err(NotForSource::File(package.to_owned()))
    } else if package.starts_with('@')
        || package.contains(' ')
        || (package.contains(['(', ')']) && !package.starts_with(['?', '~']))
    {
        Err(NotForSource::OfDnf(package.to_owned()))
    } else {
        Ok(())
    }
}

/// Asserts that dnf takes this for something in a repository. A file would be installed whether it is signed or not.
///
/// # Errors
/// When it is a file or an address.
pub fn must_be_for_dnf(package: &str) -> Result<(), NotForSource> {
    let address = ["http:", "https:", "ftp:", "file:"].iter().any(|scheme| package.starts_with(scheme));
    if address || package.ends_with(".rpm") { Err(NotForSource::File(package.to_owned())) } else { Ok(()) }
}

/// Adds what is not there yet.
fn add_to(packages: &mut Vec<String>, more: &[&str]) {
    for package in more {
        if !packages.iter().any(|known| known == package) {
            packages.push((*package).to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_grow_and_repeat_nothing() {
        let extras = Extras {
            kernel_package: Some("linux-image-cloud-amd64".to_owned()),
            additional: vec!["curl".to_owned(), "vim".to_owned()],
            ..Extras::default()
        };
        let core = for_apt(PackageSet::Core, &extras);
        let small = for_apt(PackageSet::Small, &extras);
        let standard = for_apt(PackageSet::Standard, &extras);
        assert!(core.len() < small.len() && small.len() < standard.len());
        assert!(!core.contains(&"apt".to_owned()) && small.contains(&"network-manager".to_owned()));
        for set in [core, small, standard] {
            assert_eq!(set.iter().filter(|package| *package == "curl").count(), 1);
            assert!(set.contains(&"vim".to_owned()) && set.contains(&"openssh-server".to_owned()));
        }
    }

    #[test]
    fn an_nfs_root_has_its_tools_whoever_brings_the_kernel() {
        let extras = Extras { purpose: Purpose::Nfs, ..Extras::default() };
        assert!(for_apt(PackageSet::Core, &extras).contains(&"nfs-common".to_owned()));
        assert!(!for_apt(PackageSet::Core, &Extras::default()).contains(&"nfs-common".to_owned()));
    }

    #[test]
    fn a_package_is_one_of_a_repository_in_the_words_of_its_manager() {
        for good in ["vim", "libc6:i386", "vim=2:9.0*", "bash/stable", "lamp-server^", "?priority(required)"]
        {
            must_be_for_apt(good).unwrap();
        }
        for bad in ["/tmp/x.deb", "x.deb", "perl(Foo)", "@core", "perl >= 1"] {
            assert!(must_be_for_apt(bad).is_err(), "{bad}");
        }
        for good in ["car-3.0^git1", "perl(Foo::Bar) >= 1", "@idm:DL1/server", "/usr/bin/vim", "glibc-*"] {
            must_be_for_dnf(good).unwrap();
        }
        for bad in ["/tmp/x.rpm", "http://a/x", "file:/x"] {
            assert!(must_be_for_dnf(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_1x_are_read() {
        assert_eq!("Type.CORE".parse(), Ok(PackageSet::Core));
        assert_eq!("small".parse(), Ok(PackageSet::Small));
        assert!("Type.".parse::<PackageSet>().is_err());
    }
}
