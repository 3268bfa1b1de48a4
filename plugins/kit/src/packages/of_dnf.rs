//! The sets of 1.x as they are named for dnf, and what a node needs beyond them.

use super::{Extras, PackageSet, Purpose, Selinux, add_to};

/// What a node needs to come up, whatever the set: init, devices, an address.
const BASE: [&str; 7] =
    ["systemd", "systemd-udev", "util-linux", "kmod", "shadow-utils", "NetworkManager", "openssh-server"];

const CORE: [&str; 3] = ["iproute", "procps-ng", "openssh-server"];

const SMALL: [&str; 6] = ["dnf", "yum", "iproute", "procps-ng", "openssh-server", "NetworkManager"];

const STANDARD: [&str; 1] = ["@core"];

/// Instead of the languages of the world, which the package of the C library would bring into sets that are to be small.
const ONE_LANGUAGE: [&str; 1] = ["glibc-minimal-langpack"];

/// What the tree needs so that an initramfs for network boots can be made in it, and what network cards need to work in it.
const INITRAMFS: [&str; 10] = [
    "dracut",
    "dracut-network",
    "dracut-live",
    "nfs-utils",
    "curl",
    "ca-certificates",
    "iputils",
    "device-mapper",
    "zstd",
    "linux-firmware",
];

const NFS: [&str; 1] = ["nfs-utils"];

const SELINUX: [&str; 3] = ["selinux-policy-targeted", "selinux-policy-devel", "policycoreutils"];

/// What `optimize` leaves out, as 1.x did.
const LEFT_OUT: [&str; 13] = [
    "glibc-all-langpacks",
    "cracklib-dicts",
    "grubby",
    "libxkbcommon",
    "pinentry",
    "python3-unbound",
    "unbound-libs",
    "xkeyboard-config",
    "trousers",
    "gnupg2-smime",
    "openssl-pkcs11",
    "rpm-plugin-systemd-inhibit",
    "shared-mime-info",
];

/// The kernel package that `from-image` takes with dnf when none is named: the one that brings the drivers of real machines along.
pub const KERNEL_OF_DNF: &str = "kernel";

/// What differs between releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfRelease {
    /// The package that makes a tree one of its distribution: name, keys, which services start.
    pub release: &'static str,
    /// The client that dracut gets addresses with, where it is not NetworkManager.
    pub dhcp_client: Option<&'static str>,
}

/// All packages and groups to install with dnf, in a stable order, each once.
pub fn for_dnf(set: PackageSet, extras: &Extras, of_release: OfRelease) -> Vec<String> {
    let mut packages = vec![of_release.release.to_owned()];
    add_to(&mut packages, &BASE);
    match set {
        PackageSet::Core => add_to(&mut packages, &CORE),
        PackageSet::Small => add_to(&mut packages, &SMALL),
        PackageSet::Standard => add_to(&mut packages, &STANDARD),
    }
    if set.is_trimmed() {
        add_to(&mut packages, &ONE_LANGUAGE);
    }
    if let Some(kernel) = &extras.kernel_package {
        add_to(&mut packages, &[kernel.as_str()]);
        add_to(&mut packages, &INITRAMFS);
        add_to(&mut packages, of_release.dhcp_client.as_slice());
    }
    if extras.purpose == Purpose::Nfs {
        add_to(&mut packages, &NFS);
    }
    if extras.selinux == Selinux::On {
        add_to(&mut packages, &SELINUX);
    }
    for package in &extras.additional {
        add_to(&mut packages, &[package.as_str()]);
    }
    packages
}

/// What `optimize` has dnf leave out. Tools of SELinux need diffutils.
pub fn left_out_of_dnf(selinux: Selinux) -> Vec<&'static str> {
    let mut names = LEFT_OUT.to_vec();
    names.push("glibc-langpack-*");
    if selinux == Selinux::Off {
        names.push("diffutils");
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINE: OfRelease = OfRelease { release: "system-release", dhcp_client: Some("dhcp-client") };

    #[test]
    fn sets_are_those_of_1x_and_repeat_nothing() {
        let extras = Extras { kernel_package: Some("kernel".to_owned()), ..Extras::default() };
        let of = |set| for_dnf(set, &extras, NINE);
        assert!(of(PackageSet::Standard).contains(&"@core".to_owned()));
        for name in SMALL {
            assert!(of(PackageSet::Small).iter().any(|found| found == name), "{name}");
        }
        assert!(!of(PackageSet::Core).iter().any(|name| name == "dnf" || name == "@core"));
        for set in [PackageSet::Standard, PackageSet::Small, PackageSet::Core] {
            let mut names = of(set);
            assert!(names.contains(&"dracut-live".to_owned()) && names.contains(&"dhcp-client".to_owned()));
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }

    #[test]
    fn selinux_and_nfs_bring_their_tools() {
        let extras = Extras { purpose: Purpose::Nfs, selinux: Selinux::On, ..Extras::default() };
        let names = for_dnf(PackageSet::Core, &extras, NINE);
        for name in ["nfs-utils", "selinux-policy-targeted", "policycoreutils"] {
            assert!(names.iter().any(|found| found == name), "{name}");
        }
        assert!(!for_dnf(PackageSet::Core, &Extras::default(), NINE).contains(&"dracut".to_owned()));
    }
}
