//! The parameters of a tree, declared once for all classes: a class takes the groups it wants, in the order its menu asks.

use crate::{
    packages::PackageSet,
    source::{Source, servers_os_release},
};
use disklessset_plugin_api::{ActionSpec, ParamKind, ParamSpec, Size};

/// `--kernel` and `--source`.
pub fn origin() -> Vec<ParamSpec> {
    vec![kernel(), source()]
}

/// Declares `--kernel`.
pub fn kernel() -> ParamSpec {
    ParamSpec::flag(
        "kernel",
        ParamKind::Kernel { from_image: true },
        "The kernel that nodes boot, or from-image for the one the tree brings",
    )
    .required()
    .sample("from-image")
}

/// `--source`. Menus ask for it late: 1.x had none, and hands that know it answer the first questions without reading them.
pub fn source() -> ParamSpec {
    source_on(&servers_os_release())
}

/// `--source`; its default is what installs packages of a server with this `os-release`, where that is known.
fn source_on(os_release: &str) -> ParamSpec {
    let source = ParamSpec::flag(
        "source",
        ParamKind::Source,
        "Where the tree comes from: apt, dnf, tree:PATH, tar:PATH, oci:PATH[:REFERENCE], registry:HOST/REPOSITORY[:TAG|@DIGEST]",
    );
    match Source::of_server(os_release) {
        Ok(own) => source.default(own.to_string()),
        Err(_) => source,
    }
}

/// The name of the package set of livenet images in parameters files and records, that of 1.x.
pub const LIVENET_TYPE: &str = "livenet_type";
/// The name of the package set of all other images.
pub const PACKAGE_SET: &str = "package_set";

/// `--type`, with its name in parameters files: [`LIVENET_TYPE`] or [`PACKAGE_SET`].
pub fn package_set(name: &str) -> ParamSpec {
    let choices = PackageSet::NAMES.iter().map(|word| (*word).to_owned()).collect();
    ParamSpec::flag(
        name,
        ParamKind::Choice { choices },
        "Package set to install (only for sources of packages)",
    )
    .as_flag("type")
    .default("STANDARD")
}

/// The size of an image that runs from RAM, `auto` included where it may be; in parameters files `livenet_size`.
pub fn live_size() -> ParamKind {
    ParamKind::Size { min: Size::LEAST.as_mebibytes(), max: Size::MOST.as_mebibytes(), auto: true }
}

/// The programs of the server that sources are made with.
pub fn needs_of_sources(action: ActionSpec) -> ActionSpec {
    let needs = [("mmdebstrap", "apt"), ("dnf", "dnf"), ("tar", "tar")];
    needs.into_iter().fold(action, |action, (tool, source)| action.needs_for(tool, "source", source))
}

/// All that a user can say about an image that runs from RAM, in the order its menu asks: what 1.x asked for
/// as it did, `packing` of the class's own after the size, the source late.
pub fn of_live_image(packing: Vec<ParamSpec>) -> Vec<ParamSpec> {
    let size = ParamSpec::flag(
        "livenet_size",
        live_size(),
        "Maximum size of the image in use: its content and what a node writes. auto is the content + 25 %, at least + 128M",
    )
    .as_flag("size")
    .default("auto");
    [
        vec![kernel(), password(), package_set(LIVENET_TYPE), size],
        packing,
        vec![ssh_pub_key()],
        packages(),
        content(),
        vec![source()],
        rare(),
        repositories(),
    ]
    .concat()
}

/// `--password-file` and `--ssh-pub-key`: who gets in.
pub fn access() -> Vec<ParamSpec> {
    vec![password(), ssh_pub_key()]
}

/// Declares `--password-file`.
pub fn password() -> ParamSpec {
    ParamSpec::flag(
        "password",
        ParamKind::Secret,
        "Root's password (default: root cannot log in with a password)",
    )
}

/// Declares `--ssh-pub-key`.
pub fn ssh_pub_key() -> ParamSpec {
    ParamSpec::flag("ssh_pub_key", ParamKind::Path, "A file of SSH public keys that may log in as root")
}

/// `--package` and `--release`: what is installed.
pub fn packages() -> Vec<ParamSpec> {
    vec![
        ParamSpec::flag("additional_packages", ParamKind::Package, "Another package to install")
            .as_flag("package"),
        ParamSpec::flag(
            "release_version",
            ParamKind::Text,
            "The release of the distribution, this server's by default",
        )
        .as_flag("release"),
    ]
}

/// `--selinux` and `--optimize`.
pub fn content() -> Vec<ParamSpec> {
    vec![
        ParamSpec::flag("selinux", ParamKind::Flag, "Install and boot with SELinux").default(false),
        ParamSpec::flag("optimize", ParamKind::Flag, "Leave out manuals, translations and other large files")
            .default(false),
    ]
}

/// `--kernel-parameters`, `--run` and `--kernel-package`, which no menu asks for.
pub fn rare() -> Vec<ParamSpec> {
    vec![
        ParamSpec::flag("kernel_parameters", ParamKind::Text, "More kernel parameters for this image")
            .not_asked(),
        ParamSpec::flag("run", ParamKind::Path, "A script to run inside the finished tree").not_asked(),
        ParamSpec::flag(
            "kernel_package",
            ParamKind::Text,
            "The kernel package that --kernel from-image installs (with a source of packages)",
        )
        .not_asked(),
    ]
}

/// `--repo`, `--mirror`, `--repo-file`, `--signing-key` and `--unsigned`: where packages come from, which no menu asks for.
pub fn repositories() -> Vec<ParamSpec> {
    let all = [
        ParamSpec::flag(
            "repositories",
            ParamKind::Text,
            "A repository to install from instead of the server's own: an address, with apt its suite and components after it",
        )
        .as_flag("repo")
        .repeated(),
        ParamSpec::flag("mirror", ParamKind::Text, "A mirror of the distribution: the address of the directory that has its releases"),
        ParamSpec::flag(
            "repository_files",
            ParamKind::Path,
            "A file of repositories to install from: .repo for dnf, .sources or .list for apt",
        )
        .as_flag("repo-file")
        .repeated(),
        ParamSpec::flag("signing_keys", ParamKind::Path, "A public key that signs these repositories (ASCII-armoured)")
            .as_flag("signing-key")
            .repeated(),
        ParamSpec::flag("unsigned", ParamKind::Flag, "Accept unsigned packages from these repositories").default(false),
    ];
    all.into_iter().map(ParamSpec::not_asked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_source_is_declared() {
        let of = |os_release| source_on(os_release).default;
        assert_eq!(of("ID=debian\n"), Some("apt".into()));
        assert_eq!(of("ID=rocky\nID_LIKE=\"rhel centos fedora\"\n"), Some("dnf".into()));
        assert_eq!(of("ID=arch\n"), None);
    }

    #[test]
    fn parameters_keep_their_names_of_1x_and_flags_are_short() {
        let all: Vec<ParamSpec> = [
            origin(),
            vec![package_set(LIVENET_TYPE)],
            access(),
            packages(),
            content(),
            rare(),
            repositories(),
        ]
        .concat();
        let flag = |name: &str| all.iter().find(|p| p.name == name).unwrap().flag.clone();
        assert_eq!(flag("livenet_type"), "type");
        assert_eq!(flag("additional_packages"), "package");
        assert_eq!(flag("release_version"), "release");
        assert_eq!(flag("repository_files"), "repo-file");
        assert_eq!(flag("kernel_parameters"), "kernel-parameters");
        assert_eq!(flag("ssh_pub_key"), "ssh-pub-key");
    }
}
