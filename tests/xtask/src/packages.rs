//! The system packages that something here needs: one list, by what needs them and by family of distribution.

use crate::failure::{self, Failure};

/// What packages are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Build,
    Livenet,
    BootProof,
    Tests,
}

/// A package with its name in each family; none where the family has it under no name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package {
    pub(crate) purpose: Purpose,
    pub(crate) debian: Option<&'static str>,
    pub(crate) enterprise: Option<&'static str>,
}

/// A family of distributions that share package names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Debian,
    /// Enterprise Linux and Fedora. The names are from their documentation; nobody has tried them here.
    Enterprise,
}

const fn both(purpose: Purpose, debian: &'static str, enterprise: &'static str) -> Package {
    Package { purpose, debian: Some(debian), enterprise: Some(enterprise) }
}

const fn debian(purpose: Purpose, name: &'static str) -> Package {
    Package { purpose, debian: Some(name), enterprise: None }
}

const fn enterprise(purpose: Purpose, name: &'static str) -> Package {
    Package { purpose, debian: None, enterprise: Some(name) }
}

/// Its package on Debian has the server started, and enabled for every boot: neither is wanted for proofs.
pub(crate) const NFS_SERVER: &str = "nfs-ganesha";

/// Everything. On Debian dracut comes without its metapackage `dracut`, which conflicts with initramfs-tools and would
/// take the server's own initramfs generator away; these three do not (tried on Debian 12).
const PACKAGES: &[Package] = &[
    both(Purpose::Build, "gcc", "gcc"),
    debian(Purpose::Build, "libc6-dev"),
    debian(Purpose::Livenet, "mmdebstrap"),
    both(Purpose::Livenet, "squashfs-tools", "squashfs-tools"),
    both(Purpose::Livenet, "e2fsprogs", "e2fsprogs"),
    both(Purpose::Livenet, "zstd", "zstd"),
    both(Purpose::Livenet, "util-linux", "util-linux"),
    both(Purpose::Livenet, "kmod", "kmod"),
    both(Purpose::Livenet, "curl", "curl"), // dracut's livenet part takes the server's
    both(Purpose::Livenet, "dracut-core", "dracut"),
    both(Purpose::Livenet, "dracut-network", "dracut-network"),
    both(Purpose::Livenet, "dracut-live", "dracut-live"),
    both(Purpose::BootProof, "qemu-system-x86", "qemu-kvm"),
    both(Purpose::BootProof, "ipxe-qemu", "ipxe-roms-qemu"),
    both(Purpose::BootProof, "iproute2", "iproute"),
    both(Purpose::BootProof, NFS_SERVER, NFS_SERVER),
    both(Purpose::BootProof, "nfs-ganesha-vfs", "nfs-ganesha-vfs"),
    both(Purpose::Tests, "acl", "acl"),
    both(Purpose::Tests, "dnf", "dnf"),
    both(Purpose::Tests, "createrepo-c", "createrepo_c"),
    // rpm, rpmbuild and rpmsign; on Enterprise Linux in packages of their own.
    debian(Purpose::Tests, "rpm"),
    enterprise(Purpose::Tests, "rpm-build"),
    enterprise(Purpose::Tests, "rpm-sign"),
    both(Purpose::Tests, "gpg", "gnupg2"),
    both(Purpose::Tests, "attr", "attr"),
    both(Purpose::Tests, "g++", "gcc-c++"),          // libFuzzer
    both(Purpose::Tests, "faketime", "libfaketime"), // a clock that is elsewhere, for one program
    debian(Purpose::Tests, "btrfs-progs"),           // Enterprise Linux has no btrfs
    debian(Purpose::Tests, "clustershell"),          // the reference for node sets
    both(Purpose::Tests, "libcap2-bin", "libcap"),
    both(Purpose::Tests, "bzip2", "bzip2"),
    both(Purpose::Tests, "openssl", "openssl"), // signing is up to the site
    both(Purpose::Tests, "skopeo", "skopeo"),
    both(Purpose::Tests, "openssh-client", "openssh"), // ssh-keygen signs modules
    both(Purpose::Tests, "strace", "strace"),
    both(Purpose::Tests, "systemd", "systemd"), // its tools judge units; it need not run
    both(Purpose::Tests, "xfsprogs", "xfsprogs"),
    debian(Purpose::Tests, "umoci"),
    both(Purpose::Tests, "xz-utils", "xz"),
];

impl Purpose {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Build => "building",
            Self::Livenet => "livenet images",
            Self::BootProof => "the boot proof",
            Self::Tests => "the tests",
        }
    }
}

impl Family {
    /// The family of the machine, by what its os-release says it is and is like.
    pub(crate) fn of_this_machine() -> Result<Self, Failure> {
        let path = camino::Utf8Path::new("/etc/os-release");
        let text = std::fs::read_to_string(path).map_err(failure::file("read", path))?;
        Self::of(&text).ok_or_else(|| {
            Failure::Plain("this machine is neither Debian-like nor Enterprise Linux: install by hand what README.md names".to_owned())
        })
    }

    fn of(os_release: &str) -> Option<Self> {
        let fields = os_release.lines().filter_map(|line| line.split_once('='));
        let fields = fields.filter(|(key, _)| ["ID", "ID_LIKE"].contains(key));
        let words = fields.flat_map(|(_, value)| value.trim_matches(['"', '\'']).split_whitespace());
        words.into_iter().find_map(|word| match word {
            "debian" | "ubuntu" => Some(Self::Debian),
            "rhel" | "centos" | "fedora" | "rocky" | "almalinux" => Some(Self::Enterprise),
            _ => None,
        })
    }

    /// The names of everything that is needed, with its purpose.
    pub(crate) fn names(self) -> Vec<(Purpose, &'static str)> {
        let name = |package: &Package| match self {
            Self::Debian => package.debian,
            Self::Enterprise => package.enterprise,
        };
        PACKAGES.iter().filter_map(|package| Some((package.purpose, name(package)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_what_they_are_like() {
        assert_eq!(Family::of("NAME=x\nID=debian\n"), Some(Family::Debian));
        assert_eq!(Family::of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Some(Family::Debian));
        assert_eq!(Family::of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Some(Family::Enterprise));
        assert_eq!(Family::of("ID=arch\nPRETTY_NAME=debian\n"), None);
    }

    #[test]
    fn nothing_is_listed_twice_and_the_metapackage_never() {
        for family in [Family::Debian, Family::Enterprise] {
            let mut names: Vec<_> = family.names().into_iter().map(|(_, name)| name).collect();
            assert!(family != Family::Debian || !names.contains(&"dracut"), "it removes initramfs-tools");
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
