//! The packages: what each has of an installed tree, and what it needs, by the table of tools that `disklessset doctor` shows.

use crate::packages::{self, Family, Weight};

/// A package of ours.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    /// One line about it, without a full stop.
    pub(crate) summary: &'static str,
    /// What follows it, a line each.
    pub(crate) about: &'static str,
    /// Whether it has code of one architecture.
    pub(crate) is_native: bool,
    /// The module that is in it.
    module: Option<&'static str>,
    /// The actions of the table of tools that it is for.
    actions: &'static [&'static str],
    /// Packages of ours that it needs, in the same version.
    pub(crate) with: &'static [&'static str],
    /// Other packages that a site wants with it.
    pub(crate) recommends: &'static [&'static str],
}

/// What packages beside that of the program have in common.
const MODULE: Package = Package {
    name: "",
    summary: "",
    about: "",
    is_native: true,
    module: None,
    actions: &[],
    with: &["disklessset"],
    recommends: &[],
};

/// All of them.
pub(crate) const PACKAGES: [Package; 6] = [
    Package {
        name: "disklessset",
        summary: "makes and manages diskless operating system images",
        about: "The management server of a cluster builds images, and the nodes boot them over\n\
                the network. Image classes come from modules, which have packages of their own.\n\
                Nothing is started or enabled by this package.",
        is_native: true,
        module: None,
        actions: &["apt", "dnf", "archive", "initramfs", "prove", "prove-uefi", "prove-nfs", "sign", "trust"],
        with: &[],
        recommends: &["disklessset-module-livenet", "disklessset-module-nfs", "logrotate"],
    },
    Package {
        name: "disklessset-module-livenet",
        summary: "images that nodes run from memory, for disklessset",
        about: "The nodes fetch a squashfs image over HTTP and need no server afterwards.",
        module: Some("livenet"),
        actions: &["livenet"],
        ..MODULE
    },
    Package {
        name: "disklessset-module-nfs",
        summary: "images whose nodes have their root on NFS, for disklessset",
        about: "Staging images hold one tree; golden images have a tree for each node.",
        module: Some("nfs"),
        actions: &["nfs", "export"],
        ..MODULE
    },
    Package {
        name: "disklessset-module-demo",
        summary: "images that show a message and halt, for disklessset",
        about: "Shows what a module is and what disklessset does, without any packages.",
        module: Some("demo"),
        ..MODULE
    },
    Package {
        name: "disklessset-dev",
        summary: "sources to build modules of disklessset",
        about: "The module API and the kit that the shipped modules share. `disklessset module\n\
                new` makes projects that build with them; cargo and rustc 1.95 or newer are\n\
                needed, from wherever the site has them.",
        is_native: false,
        ..MODULE
    },
    Package {
        name: "disklessset-doc",
        summary: "guides and references of disklessset",
        about: "The pages as Markdown. The man pages are in the package disklessset.",
        is_native: false,
        with: &[],
        ..MODULE
    },
];

impl Package {
    /// Whether it has a file of the installed tree, by its path below the root.
    pub(crate) fn has(&self, path: &str) -> bool {
        owner(path) == self.name
    }

    /// The packages of the system that it needs with this weight; none twice, and none that a weightier list has.
    pub(crate) fn tools(&self, family: Family, weight: Weight) -> Vec<&'static str> {
        packages::of_actions(self.actions, self.module.is_some(), family, weight)
    }
}

/// The name of the package that a file of the installed tree is in.
fn owner(path: &str) -> &'static str {
    let modules = || PACKAGES.iter().filter_map(|package| Some((package.name, package.module?)));
    let of_module = |module: &str| {
        let page = format!("usr/share/man/man1/disklessset-{module}");
        path == format!("usr/lib/disklessset/modules.d/{module}_module.so")
            || path.strip_prefix(&page).is_some_and(|rest| rest.starts_with(['.', '-']))
    };
    match modules().find(|(_, module)| of_module(module)) {
        Some((name, _)) => name,
        None if path.starts_with("usr/share/disklessset/") => "disklessset-dev",
        None if path.starts_with("usr/share/doc/disklessset-doc/") => "disklessset-doc",
        None => "disklessset",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_in_one_package() {
        let of = |path| {
            PACKAGES.iter().filter(|package| package.has(path)).map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(of("usr/bin/disklessset"), ["disklessset"]);
        assert_eq!(of("usr/lib/disklessset/modules.d/nfs_module.so"), ["disklessset-module-nfs"]);
        assert_eq!(of("usr/share/man/man1/disklessset-nfs-nodes-add.1"), ["disklessset-module-nfs"]);
        assert_eq!(of("usr/share/man/man1/disklessset-node-set.1"), ["disklessset"]);
        assert_eq!(of("usr/share/disklessset/kit/Cargo.toml"), ["disklessset-dev"]);
    }

    #[test]
    fn a_module_depends_on_its_tools_and_the_program_recommends_what_every_site_does() {
        let of = |name, weight| {
            let package = PACKAGES.iter().find(|package| package.name == name).unwrap();
            package.tools(Family::Debian, weight)
        };
        assert_eq!(of("disklessset-module-livenet", Weight::Depends), ["squashfs-tools", "e2fsprogs"]);
        assert_eq!(of("disklessset-module-demo", Weight::Depends), [] as [&str; 0]);
        assert_eq!(of("disklessset", Weight::Depends), [] as [&str; 0]);
        let wanted = of("disklessset", Weight::Recommends);
        assert!(wanted.contains(&"mmdebstrap") && wanted.contains(&"dracut-core"), "{wanted:?}");
        let helping = of("disklessset", Weight::Suggests);
        assert!(helping.contains(&"openssl") && helping.contains(&"dnf"), "{helping:?}");
        assert!(wanted.iter().all(|name| !helping.contains(name)), "{wanted:?} {helping:?}");
        // What only the tests use.
        assert!(!wanted.iter().chain(&helping).any(|name| ["strace", "git", "skopeo"].contains(name)));
    }
}
