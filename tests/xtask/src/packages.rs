//! The system packages that something here needs: one list, by what needs them and by family of distribution.
//!
//! What the program needs stands in its own table, which `disklessset doctor` shows; here are building and testing.

use crate::failure::{self, Failure};
use needs::{ACTIONS, Action, IPXE, Tool, ToolPath};

pub(crate) use needs::Family;

#[allow(dead_code, reason = "the tasks look for packages alone, not for the files in them")]
#[allow(unreachable_pub, reason = "in its own crate it is seen from others")]
#[path = "../../../host/core/src/needs/table.rs"]
mod needs;

/// Whether iPXE for QEMU's network cards lies where `prove` looks for it: releases of one distribution have it in different places.
pub(crate) fn ipxe_is_there() -> bool {
    match IPXE.place {
        ToolPath::At(places) => places.iter().any(|place| std::path::Path::new(place).exists()),
        ToolPath::Programs | ToolPath::DracutPart(_) => false,
    }
}

/// What packages are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Build,
    /// An action of the program, by its name in the table.
    Action(&'static str),
    Tests,
    LongTests,
}

/// Which purposes something has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Building, and making and booting one image of this distribution's packages.
    Quickstart,
    /// Building, and all that the program does.
    Program,
    /// That, and a sample of the tests.
    Tests,
    /// That, and all tests.
    LongTests,
}

/// A package with its name in each family; none where the family has it under no name.
#[derive(Debug, Clone, Copy)]
struct Package {
    purpose: Purpose,
    debian: Option<&'static str>,
    enterprise: Option<&'static str>,
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

/// What building and testing need beside the program's own tools. Names for Enterprise Linux are from its documentation.
const PACKAGES: &[Package] = &[
    both(Purpose::Build, "gcc", "gcc"),
    debian(Purpose::Build, "libc6-dev"),
    both(Purpose::Tests, "dnf", "dnf"),
    both(Purpose::Tests, "createrepo-c", "createrepo_c"),
    // rpm, rpmbuild and rpmsign; on Enterprise Linux in packages of their own.
    debian(Purpose::Tests, "rpm"),
    enterprise(Purpose::Tests, "rpm-build"),
    enterprise(Purpose::Tests, "rpm-sign"),
    both(Purpose::Tests, "gpg", "gnupg2"),
    debian(Purpose::Tests, "gpg-agent"), // makes the keys; only recommended by gpg
    both(Purpose::Tests, "git", "git"),  // whether a run changes what is under version control
    both(Purpose::Tests, "acl", "acl"),
    both(Purpose::Tests, "attr", "attr"),
    both(Purpose::Tests, "iproute2", "iproute"),
    both(Purpose::Tests, "erofs-utils", "erofs-utils"), // for the module in tests/authors
    both(Purpose::Tests, "faketime", "libfaketime"),    // a clock that is elsewhere, for one program
    debian(Purpose::Tests, "btrfs-progs"),              // Enterprise Linux has no btrfs
    debian(Purpose::Tests, "clustershell"),             // the reference for node sets
    both(Purpose::Tests, "libcap2-bin", "libcap"),
    both(Purpose::Tests, "openssl", "openssl"), // signing is up to the site
    both(Purpose::Tests, "openssh-client", "openssh"), // ssh-keygen signs modules
    both(Purpose::Tests, "skopeo", "skopeo"),
    both(Purpose::Tests, "strace", "strace"),
    both(Purpose::Tests, "systemd", "systemd"), // its tools judge units; it need not run
    both(Purpose::Tests, "zstd", "zstd"),
    both(Purpose::Tests, "xz-utils", "xz"),
    both(Purpose::Tests, "bzip2", "bzip2"),
    both(Purpose::Tests, "bsdutils", "util-linux"), // script
    both(Purpose::Tests, "zsh", "zsh"),             // shells that complete commands; bash is there
    both(Purpose::Tests, "fish", "fish"),
    both(Purpose::Tests, "mandoc", "mandoc"), // judges man pages
    debian(Purpose::LongTests, "lintian"),    // judges packages
    both(Purpose::LongTests, "rpmlint", "rpmlint"),
    both(Purpose::Tests, "python3-minimal", "python3"),
    both(Purpose::Tests, "xfsprogs", "xfsprogs"),
    both(Purpose::Tests, "nfs-kernel-server", "nfs-utils"), // exportfs, the judge of export lines; nothing is started
    debian(Purpose::Tests, "busybox-static"),               // the programs of trees that mean harm
    debian(Purpose::Tests, "umoci"),
    debian(Purpose::Tests, "docker-registry"), // on Enterprise Linux it is a container only
    both(Purpose::Tests, "dnsmasq-base", "dnsmasq"),
    both(Purpose::Tests, "ipxe", "ipxe-bootimgs-x86"), // loaders for firmware
    both(Purpose::LongTests, "apache2-bin", "httpd"),  // no service of the system
    both(Purpose::LongTests, "kea-dhcp4-server", "kea"),
    both(Purpose::LongTests, "isc-dhcp-client", "dhcp-client"), // asks them
    both(Purpose::Tests, "ansible-core", "ansible-core"), // plays the collection; the reference for inventories
    both(Purpose::LongTests, "ansible", "ansible-collection-community-general"), // its connection into trees
    both(Purpose::LongTests, "nginx-light", "nginx"),     // 2 MB: the cache in a rack
    both(Purpose::LongTests, "curl", "curl"),             // asks it
    debian(Purpose::Tests, "zypper"),                     // sources that modules of other authors bring
    debian(Purpose::Tests, "pacman-package-manager"),
    both(Purpose::LongTests, "chromium-headless-shell", "chromium-headless"), // looks at the page; 100 MB
    both(Purpose::LongTests, "g++", "gcc-c++"),                               // libFuzzer
    debian(Purpose::LongTests, "mmdebstrap"),                                 // a clean root, on every family
    both(Purpose::LongTests, "binutils", "binutils"), // readelf, which a bench compares with
    debian(Purpose::LongTests, "ltsp"),               // a bench compares with its images
];

impl Purpose {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Build => "building",
            Self::Action(name) => {
                ACTIONS.iter().find(|action| action.name == name).map_or(name, |action| action.what)
            }
            Self::Tests => "the tests",
            Self::LongTests => "the long tests (--full)",
        }
    }

    /// The smallest extent that it belongs to.
    fn extent(self, family: Family) -> Extent {
        match self {
            Self::Build => Extent::Quickstart,
            Self::Action(name) => {
                let own = match family {
                    Family::Debian => "apt",
                    Family::Enterprise => "dnf",
                };
                if [own, "livenet", "prove"].contains(&name) { Extent::Quickstart } else { Extent::Program }
            }
            Self::Tests => Extent::Tests,
            Self::LongTests => Extent::LongTests,
        }
    }
}

/// The family of the machine, by what its os-release says it is and is like.
pub(crate) fn family_of_this_machine() -> Result<Family, Failure> {
    let path = camino::Utf8Path::new("/etc/os-release");
    let text = std::fs::read_to_string(path).map_err(failure::file("read", path))?;
    Family::of(&text).ok_or_else(|| {
        let unknown = "this machine is neither Debian-like nor Enterprise Linux: install by hand what `disklessset doctor` names";
        Failure::Plain(unknown.to_owned())
    })
}

/// The names of all that is needed for so much, each once, with its first purpose.
pub(crate) fn names(family: Family, extent: Extent) -> Vec<(Purpose, &'static str)> {
    let of_actions = ACTIONS.iter().filter(|action| is_expected(action, family)).flat_map(|action| {
        let name = |tool: &Tool| Some((Purpose::Action(action.name), tool.package(family)?));
        action.needs.iter().filter_map(name)
    });
    let own = PACKAGES.iter().filter_map(|package| {
        let name = match family {
            Family::Debian => package.debian,
            Family::Enterprise => package.enterprise,
        };
        Some((package.purpose, name?))
    });
    let mut names: Vec<(Purpose, &'static str)> = Vec::new();
    for (purpose, name) in of_actions.chain(own) {
        if purpose.extent(family) as u8 <= extent as u8 && !names.iter().any(|(_, known)| *known == name) {
            names.push((purpose, name));
        }
    }
    names
}

/// How much a package needs another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Nothing can be done without.
    Depends,
    /// Every site of the family does what it is for.
    Recommends,
    /// Some sites do, or it helps.
    Suggests,
}

/// What every system of each family has, and no package names.
const ESSENTIAL: [&str; 6] = ["coreutils", "tar", "gzip", "util-linux", "apt", "systemd"];

/// The packages with the tools of these actions that are needed with this weight, each once, by the weightiest of its uses. The tools
/// of a module's own actions are those without which it can do nothing.
pub(crate) fn of_actions(
    actions: &[&str],
    of_module: bool,
    family: Family,
    weight: Weight,
) -> Vec<&'static str> {
    let mut found: Vec<(Weight, &'static str)> = Vec::new();
    for action in ACTIONS.iter().filter(|action| actions.contains(&action.name)) {
        let needed = match (is_expected(action, family), of_module) {
            (true, true) => Weight::Depends,
            (true, false) => Weight::Recommends,
            (false, _) => Weight::Suggests,
        };
        let needs = action.needs.iter().map(|tool| (needed, tool));
        let helps = action.helps.iter().map(|(tool, _)| (Weight::Suggests, tool));
        let named = needs.chain(helps).filter_map(|(weight, tool)| Some((weight, tool.package(family)?)));
        found.extend(named.filter(|(_, name)| !ESSENTIAL.contains(name)));
    }
    let mut names: Vec<&'static str> = Vec::new();
    for (_, name) in found.iter().filter(|(of, _)| *of == weight) {
        let is_weightier = found.iter().any(|(of, other)| other == name && *of < weight);
        if !is_weightier && !names.contains(name) {
            names.push(name);
        }
    }
    names
}

/// Whether a server of this family is to be able to do it.
fn is_expected(action: &Action, family: Family) -> bool {
    match action.sites {
        needs::Sites::All => true,
        needs::Sites::Of(of) => of == family,
        needs::Sites::Some => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(family: Family, extent: Extent) -> Vec<&'static str> {
        names(family, extent).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn nothing_is_listed_twice_and_the_metapackage_never() {
        for family in [Family::Debian, Family::Enterprise] {
            let mut names = of(family, Extent::LongTests);
            assert!(family != Family::Debian || !names.contains(&"dracut"), "it removes initramfs-tools");
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }

    #[test]
    fn a_quickstart_gets_what_its_own_steps_need_and_no_server() {
        let names = of(Family::Debian, Extent::Quickstart);
        for needed in ["gcc", "mmdebstrap", "squashfs-tools", "qemu-system-x86", "ipxe-qemu"] {
            assert!(names.contains(&needed), "{names:?}");
        }
        for other in ["nfs-ganesha", "dnf", "dracut-core", "strace", "skopeo"] {
            assert!(!names.contains(&other), "{names:?}");
        }
    }

    #[test]
    fn each_extent_has_all_of_the_smaller_ones() {
        let extents = [Extent::Quickstart, Extent::Program, Extent::Tests, Extent::LongTests];
        for pair in extents.windows(2) {
            let (small, large) = (of(Family::Debian, pair[0]), of(Family::Debian, pair[1]));
            assert!(small.iter().all(|name| large.contains(name)) && small.len() < large.len());
        }
        assert!(of(Family::Debian, Extent::Tests).contains(&"gpg-agent"));
        assert!(!of(Family::Debian, Extent::Tests).contains(&"g++"));
    }
}
