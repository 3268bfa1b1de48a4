//! The actions of the class, and the checked parameters of a creation.

use camino::Utf8PathBuf;
use disklessset_kit::{
    boot_line,
    packages::{PackageSet, Selinux},
    source::{Optimize, Source, servers_os_release},
    squashfs::Layout,
    ssh_keys::PublicKeys,
};
use disklessset_plugin_api::{
    ActionSpec, Arguments, Error, KernelVersion, PackageName, ParamKind, ParamSpec, Result, Size, SizeOrAuto,
};

/// Which kernel an image boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KernelChoice {
    /// The one that its own tree brings.
    FromImage,
    /// A registered one.
    Version(KernelVersion),
}

/// All parameters of a creation, in types of their own.
#[derive(Debug)]
pub(crate) struct Creation {
    pub(crate) kernel: KernelChoice,
    pub(crate) source: Source,
    pub(crate) set: PackageSet,
    pub(crate) size: SizeOrAuto,
    /// What the user asked for; without it the initramfs decides.
    pub(crate) layout: Option<Layout>,
    pub(crate) password: Option<String>,
    pub(crate) keys: Option<(Utf8PathBuf, PublicKeys)>,
    pub(crate) packages: Vec<String>,
    pub(crate) release: Option<String>,
    pub(crate) selinux: Selinux,
    pub(crate) optimize: Optimize,
    pub(crate) kernel_parameters: String,
    pub(crate) kernel_package: Option<String>,
    /// A script to run inside at the end: its path, for messages, and its text.
    pub(crate) script: Option<(Utf8PathBuf, String)>,
}

impl Creation {
    pub(crate) fn from_arguments(args: &Arguments) -> Result<Self> {
        let kernel: String = args.need("kernel")?;
        let source = match args.get::<String>("source")? {
            Some(text) => text.parse::<Source>()?.absolute()?,
            None => Source::of_server(&servers_os_release())?,
        };
        source.check()?;
        let set = args.get::<String>("livenet_type")?.unwrap_or_else(|| "STANDARD".to_owned());
        let parameters: String = args.get("kernel_parameters")?.unwrap_or_default();
        Ok(Self {
            kernel: match kernel.as_str() {
                "from-image" => KernelChoice::FromImage,
                version => KernelChoice::Version(
                    KernelVersion::parse(version).map_err(|cause| Error::usage(cause.to_string()))?,
                ),
            },
            source,
            set: set.parse::<PackageSet>().map_err(|cause| Error::usage(cause.to_string()))?,
            size: args.get("livenet_size")?.unwrap_or(SizeOrAuto::Auto),
            layout: args.get::<String>("layout")?.map(|layout| layout.parse()).transpose()?,
            password: args.get("password")?,
            keys: args.get::<Utf8PathBuf>("ssh_pub_key")?.map(read_keys).transpose()?,
            packages: args.get("additional_packages")?.unwrap_or_default(),
            release: args.get("release_version")?,
            selinux: if args.flag("selinux") { Selinux::On } else { Selinux::Off },
            optimize: if args.flag("optimize") { Optimize::Aggressively } else { Optimize::AsTheSetSays },
            kernel_parameters: boot_line::check(&parameters)?,
            kernel_package: args.get::<PackageName>("kernel_package")?.map(String::from),
            script: args.get::<Utf8PathBuf>("run")?.map(read_script).transpose()?,
        })
    }
}

fn read_small(file: &Utf8PathBuf, what: &str) -> Result<String> {
    let fault =
        |cause: &dyn std::fmt::Display| Error::usage(format!("cannot read {what} {file}")).because(cause);
    let metadata = file.metadata().map_err(|cause| fault(&cause))?;
    if !metadata.is_file() || metadata.len() > 1 << 20 {
        return Err(fault(&"it is not a file of at most 1 MiB"));
    }
    std::fs::read_to_string(file).map_err(|cause| fault(&cause))
}

fn read_keys(file: Utf8PathBuf) -> Result<(Utf8PathBuf, PublicKeys)> {
    let keys = PublicKeys::parse(&read_small(&file, "the public key")?)
        .map_err(|cause| Error::usage(format!("the key file {file} {cause}")))?;
    Ok((file, keys))
}

fn read_script(file: Utf8PathBuf) -> Result<(Utf8PathBuf, String)> {
    let text = read_small(&file, "the script")?;
    Ok((file, text))
}

/// All actions.
pub(crate) fn actions() -> Vec<ActionSpec> {
    vec![
        creation(),
        ActionSpec::change("mount", "Mount an image to edit it")
            .help("Make the tree of an image editable below the work area, with an Ansible inventory"),
        ActionSpec::change("unmount", "Unmount an image and pack its changes").param(ParamSpec::flag(
            "discard",
            ParamKind::Flag,
            "Throw the changes away instead of packing them",
        )),
        ActionSpec::change("resize", "Change the size of an image").param(ParamSpec::position(
            "livenet_size",
            size(true),
            "The new size: 700M, 1.5G, or auto for the content and its headroom",
        )),
        ActionSpec::change("exec", "Run a command inside an image")
            .help("Run a command inside an image, and pack the image when it ends well")
            .param(ParamSpec::trailing("command", "The command with its arguments")),
        ActionSpec::change("shell", "Open a shell inside an image")
            .help("Open a shell inside an image, and pack the image afterwards")
            .needs_terminal(),
    ]
}

fn size(auto: bool) -> ParamKind {
    ParamKind::Size { min: Size::LEAST.as_mebibytes(), max: Size::MOST.as_mebibytes(), auto }
}

fn creation() -> ActionSpec {
    let choice =
        |words: &[&str]| ParamKind::Choice { choices: words.iter().map(|word| (*word).to_owned()).collect() };
    let kernel_package = ParamSpec::flag(
        "kernel_package",
        ParamKind::Text,
        "The kernel package that --kernel from-image installs (with a source of packages)",
    );
    ActionSpec::create("Create a livenet image")
        .help("Create an image that nodes download and run from RAM")
        .param(
            ParamSpec::flag(
                "kernel",
                ParamKind::Kernel { from_image: true },
                "The kernel that nodes boot, or from-image for the one the tree brings",
            )
            .required()
            .sample("from-image"),
        )
        .param(ParamSpec::flag(
            "source",
            ParamKind::Text,
            "Where the tree comes from: apt, dnf, tree:PATH, tar:PATH, oci:PATH[:REFERENCE]; this server's own kind by default",
        ))
        .param(
            ParamSpec::flag("livenet_type", choice(&PackageSet::NAMES), "How much goes in (sources of packages only)")
                .as_flag("type")
                .default("STANDARD"),
        )
        .param(
            ParamSpec::flag(
                "livenet_size",
                size(true),
                "The most that content and what a node writes may take; auto: the content, a quarter more, at least 128M more",
            )
            .as_flag("size")
            .default("auto"),
        )
        .param(
            ParamSpec::flag(
                "layout",
                choice(&["flat", "classic"]),
                "How the tree is packed; flat where the initramfs can use it",
            )
            .not_asked(),
        )
        .param(ParamSpec::flag("password", ParamKind::Secret, "Root's password; without one the account stays locked"))
        .param(ParamSpec::flag("ssh_pub_key", ParamKind::Path, "A file of public keys that open root's account"))
        .param(
            ParamSpec::flag("additional_packages", ParamKind::Package, "Another package to install")
                .as_flag("package"),
        )
        .param(
            ParamSpec::flag("release_version", ParamKind::Text, "The release of the distribution, this server's by default")
                .as_flag("release"),
        )
        .param(ParamSpec::flag("selinux", ParamKind::Flag, "Install and boot with SELinux").default(false))
        .param(
            ParamSpec::flag("optimize", ParamKind::Flag, "Leave out manuals, translations and other weight").default(false),
        )
        .param(
            ParamSpec::flag("kernel_parameters", ParamKind::Text, "More kernel parameters for this image").not_asked(),
        )
        .param(ParamSpec::flag("run", ParamKind::Path, "A script to run inside the tree at the end").not_asked())
        .param(kernel_package.not_asked())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments(more: serde_json::Value) -> Arguments {
        let mut all =
            json!({"kernel": "from-image", "source": "apt", "livenet_type": "CORE", "livenet_size": "auto"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn parameters_keep_their_names_of_1x_and_flags_are_short() {
        let create = creation();
        let flag = |name: &str| create.params.iter().find(|p| p.name == name).unwrap().flag.clone();
        assert_eq!(flag("livenet_type"), "type");
        assert_eq!(flag("livenet_size"), "size");
        assert_eq!(flag("additional_packages"), "package");
        assert_eq!(flag("release_version"), "release");
        assert_eq!(flag("kernel_parameters"), "kernel-parameters");
        assert_eq!(flag("ssh_pub_key"), "ssh-pub-key");
    }

    #[test]
    fn faults_are_told_before_anything_is_made() {
        assert!(Creation::from_arguments(&arguments(json!({}))).is_ok());
        for (bad, reason) in [
            (json!({"source": "zip:/x"}), "is no source"),
            (json!({"source": "dnf"}), "not available in this version"),
            (json!({"source": "tree:/nowhere"}), "cannot take the tree /nowhere"),
            (json!({"source": "tar:/nowhere"}), "cannot take the archive /nowhere"),
            (json!({"kernel_parameters": "quiet ${net0/mac}"}), "the boot loader reads it"),
            (json!({"ssh_pub_key": "/nowhere.pub"}), "cannot read the public key /nowhere.pub"),
            (json!({"kernel_package": "a;b"}), "kernel_package cannot be used"),
            (json!({"run": "/etc"}), "cannot read the script /etc"),
        ] {
            let error = Creation::from_arguments(&arguments(bad.clone())).unwrap_err();
            assert!(error.to_string().contains(reason), "{bad}: {error}");
        }
    }
}
