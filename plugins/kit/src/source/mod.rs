//! Where an OS tree comes from.

mod address;
mod apt;
mod apt_given;
mod apt_settings;
pub(crate) mod apt_sources;
mod bases;
mod compression;
mod dnf;
mod import;
pub(crate) mod oci;
mod of_module;
mod private_file;
mod registry;
mod repositories;

pub use address::{Address, AddressError};
pub use apt_sources::{AptEntry, distribution_sources};
pub use oci::{OciFacts, oci_facts};
pub use of_module::ModuleSource;
pub use registry::RegistryImage;
pub use repositories::{Repo, Repositories, TextFile, Trust};

use crate::{
    packages::{Extras, KERNEL_OF_DNF, PackageSet, default_kernel_package},
    space::{self, Need, Plan},
    tools,
    trees::Watched,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Host, Result};
use std::{fmt, str::FromStr};

/// A source of OS trees, written `apt`, `dnf`, `tree:PATH`, `tar:PATH`, `oci:PATH[:REFERENCE]`,
/// `registry:HOST/REPOSITORY[:TAG|@DIGEST]` or as a module names its own. Those of modules are not read from text alone: [`Source::of_arguments`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Debian and Ubuntu packages, through mmdebstrap.
    Apt,
    /// Packages of Enterprise Linux and Fedora.
    Dnf,
    /// An OS tree in a directory.
    Tree(Utf8PathBuf),
    /// An OS tree in a tar archive, compressed or not.
    Tar(Utf8PathBuf),
    /// An OCI image layout.
    Oci {
        /// The directory or archive.
        path: Utf8PathBuf,
        /// Which image of it, when it has several.
        reference: Option<String>,
    },
    /// An image in a registry.
    Registry(RegistryImage),
    /// What a module brings.
    Module(ModuleSource),
}

/// Why a source is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// None of the forms.
    #[error(
        "{0:?} is no source: write apt, dnf, tree:PATH, tar:PATH, oci:PATH[:REFERENCE] or registry:HOST/REPOSITORY[:TAG|@DIGEST]"
    )]
    Shape(String),
    /// No path where one belongs.
    #[error("the source {0} names no path")]
    NoPath(String),
    /// No image where one belongs.
    #[error("the source {0} names no image")]
    NoImage(String),
    /// The server's distribution has neither apt nor dnf.
    #[error("no source fits this server's distribution ({0}): name one")]
    NoDefault(String),
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        Self::usage(error.to_string())
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> std::result::Result<Self, SourceError> {
        match text.split_once(':') {
            None if text == "apt" => Ok(Self::Apt),
            None if text == "dnf" => Ok(Self::Dnf),
            None => Err(SourceError::Shape(text.to_owned())),
            Some(("tree" | "tar" | "oci", "")) => Err(SourceError::NoPath(text.to_owned())),
            Some(("tree", path)) => Ok(Self::Tree(path.into())),
            Some(("tar", path)) => Ok(Self::Tar(path.into())),
            Some(("oci", rest)) => Ok(oci(rest)),
            Some(("registry", "")) => Err(SourceError::NoImage(text.to_owned())),
            Some(("registry", address)) => Ok(Self::Registry(RegistryImage::at(address))),
            Some(_) => Err(SourceError::Shape(text.to_owned())),
        }
    }
}

/// A reference holds no slash, so a colon before the last slash belongs to the path.
fn oci(text: &str) -> Source {
    match text.rsplit_once(':') {
        Some((path, reference)) if !reference.contains('/') && !path.is_empty() && !reference.is_empty() => {
            Source::Oci { path: path.into(), reference: Some(reference.to_owned()) }
        }
        _ => Source::Oci { path: text.into(), reference: None },
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apt => f.write_str("apt"),
            Self::Dnf => f.write_str("dnf"),
            Self::Tree(path) => write!(f, "tree:{path}"),
            Self::Tar(path) => write!(f, "tar:{path}"),
            Self::Oci { path, reference: None } => write!(f, "oci:{path}"),
            Self::Oci { path, reference: Some(reference) } => write!(f, "oci:{path}:{reference}"),
            Self::Registry(image) => write!(f, "registry:{image}"),
            Self::Module(module) => f.write_str(module.name()),
        }
    }
}

/// What a tree is wanted for.
#[derive(Debug, Clone)]
pub struct TreePlan {
    /// The package set; sources other than packages do not look at it.
    pub set: PackageSet,
    /// What else is installed.
    pub extras: Extras,
    /// Whether the tree is to bring a kernel.
    pub brings_kernel: bool,
    /// The release (`bookworm`, `9`); the server's own when not given.
    pub release: Option<String>,
    /// Whether manuals, translations and documentation are left out, whatever the set.
    pub optimize: Optimize,
    /// Where packages come from.
    pub repositories: Repositories,
    /// How long it is wanted.
    pub lasts: Lasts,
}

/// How long a tree is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lasts {
    /// It stays: it is a directory of its own.
    #[default]
    Beyond,
    /// Until it is packed, in this action. It may be a view of the source, then.
    UntilPacked,
}

/// Whether an image is trimmed as far as its source allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Optimize {
    /// As far as possible.
    Aggressively,
    /// As its package set says.
    #[default]
    AsTheSetSays,
}

impl Source {
    /// The source that fits a server with this `os-release`.
    ///
    /// # Errors
    /// When its distribution is of neither family.
    pub fn of_server(os_release: &str) -> std::result::Result<Self, SourceError> {
        let family = format!("{} {}", field(os_release, "ID"), field(os_release, "ID_LIKE"));
        let is_like = |names: &[&str]| family.split_whitespace().any(|id| names.contains(&id));
        if is_like(&["debian", "ubuntu"]) {
            Ok(Self::Apt)
        } else if is_like(&["rhel", "fedora", "centos", "rocky", "almalinux"]) {
            Ok(Self::Dnf)
        } else {
            Err(SourceError::NoDefault(field(os_release, "ID").to_owned()))
        }
    }

    /// The same source with its path made absolute from the current directory, as records and tools need it.
    ///
    /// # Errors
    /// When the path is empty or not UTF-8.
    pub fn absolute(self) -> Result<Self> {
        let absolute = |path: Utf8PathBuf| {
            camino::absolute_utf8(&path)
                .map_err(|cause| Error::usage(format!("cannot use the path {path}")).because(cause))
        };
        Ok(match self {
            Self::Tree(path) => Self::Tree(absolute(path)?),
            Self::Tar(path) => Self::Tar(absolute(path)?),
            Self::Oci { path, reference } => Self::Oci { path: absolute(path)?, reference },
            packages => packages,
        })
    }

    /// Whether packages are installed, so that package sets and a kernel package mean something.
    pub fn installs_packages(&self) -> bool {
        match self {
            Self::Apt | Self::Dnf => true,
            Self::Module(module) => module.installs_packages(),
            Self::Tree(_) | Self::Tar(_) | Self::Oci { .. } | Self::Registry(_) => false,
        }
    }

    /// The kernel package that is installed when the tree is to bring its own and none is named. A source of a module has its own.
    pub fn default_kernel_package(&self) -> Option<String> {
        match self {
            Self::Dnf => Some(KERNEL_OF_DNF.to_owned()),
            Self::Module(_) => None,
            _ => Some(default_kernel_package(field(&servers_os_release(), "ID"))),
        }
    }

    /// Makes the tree in the directory `tree`, which exists and is empty. `scratch` is a private directory for files beside it. What is
    /// given back tells, of a tree that is the source's own, whether that was changed since.
    ///
    /// # Errors
    /// When the source cannot be read, a package cannot be installed, or a tool fails; with its last lines.
    pub fn build(
        &self,
        plan: &TreePlan,
        tree: &Utf8Path,
        scratch: &Utf8Path,
        host: &Host<'_>,
    ) -> Result<Option<Watched>> {
        let mut watched = None;
        let built = match self {
            Self::Apt => apt::install(plan, tree, scratch, host),
            Self::Dnf => dnf::install(plan, tree, scratch, host),
            Self::Tree(path) if plan.lasts == Lasts::UntilPacked => {
                import::show(path, tree, scratch, host).map(|seen| watched = seen)
            }
            Self::Tree(path) => import::copy(path, tree, host),
            Self::Tar(path) => import::extract(path, tree, host),
            Self::Oci { path, reference } => oci::unpack(path, reference.as_deref(), tree, scratch, host),
            Self::Registry(image) => image.unpack(tree, scratch, host),
            Self::Module(module) => module.build(plan, tree, scratch, host),
        };
        built.map_err(space::writing(tree))?;
        if !matches!(self, Self::Apt | Self::Dnf) {
            import::must_belong_to_root(tree, &self.to_string())?;
        }
        Ok(watched)
    }

    /// What making the tree below `place` is known to take, added to the plan of a work; and what the tree itself takes, where that is
    /// known. A tree that is shown through an overlay takes next to nothing.
    ///
    /// # Errors
    /// When source or place cannot be looked at.
    pub fn plan_space(&self, plan: Plan, place: &Utf8Path, lasts: Lasts) -> Result<(Plan, Option<Need>)> {
        Ok(match self {
            packages if packages.installs_packages() => {
                (plan.certainly(place, Need::bytes(space::LEAST_SYSTEM)), None)
            }
            Self::Tree(path) => {
                let need = space::tree_need(path, &space::free_space(place)?)?;
                let plan = match lasts {
                    Lasts::UntilPacked => plan.certainly(place, FOR_CHANGES),
                    Lasts::Beyond if space::may_share(path, place)? => plan,
                    Lasts::Beyond => plan.copies(place, need)?,
                };
                (plan, Some(need))
            }
            Self::Tar(path) => {
                let need = Need::bytes(import::unpacked_size(path)?);
                (plan.about(place, need), Some(need))
            }
            Self::Registry(image) => (image.plan_space(plan, place), None),
            _ => (plan, None),
        })
    }

    /// Refuses early what [`Self::build`] could not do, before anything is made. A source of a module, and a registry, are asked by [`Self::refusals`].
    ///
    /// # Errors
    /// When its tool is not installed, it is not available, or its path is missing or of the wrong kind.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Apt => must_have("mmdebstrap"),
            Self::Dnf => must_have("dnf"),
            Self::Oci { path, reference } => oci::check(path, reference.as_deref()),
            Self::Tree(path) => {
                import::must_be_tree(path)?;
                import::must_belong_to_root(path, &self.to_string())
            }
            Self::Tar(path) => import::must_be_file(path),
            Self::Registry(_) | Self::Module(_) => Ok(()),
        }
    }
}

/// What the changes of a tree that is shown through an overlay take at the very least.
const FOR_CHANGES: Need = Need { bytes: space::LEAST_WORK, files: 16 };

/// Variables by which a user names proxies. Tools run without the user's environment.
const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "ftp_proxy",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// A package manager that fetches as the user would: with the proxies that the environment of disklessset names.
pub fn with_proxies(command: disklessset_plugin_api::Command) -> disklessset_plugin_api::Command {
    PROXIES.iter().fold(command, |command, name| match std::env::var(name) {
        Ok(value) if !value.is_empty() => command.env(name, value),
        _ => command,
    })
}

/// Refuses a source whose tool is not there. Its package is called like the tool everywhere.
fn must_have(tool: &str) -> Result<()> {
    tools::must_have(tool, tool).map_err(|error| {
        let hint = error.hint.clone().unwrap_or_default();
        error.hint(format!("{hint}, or take another --source"))
    })
}

/// One field of an `os-release` text, quotes removed; empty when it is not there.
pub fn field<'t>(os_release: &'t str, name: &str) -> &'t str {
    os_release
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value.trim().trim_matches(['"', '\'']))
}

/// The `os-release` of this server; empty when it has none.
pub fn servers_os_release() -> String {
    ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|file| std::fs::read_to_string(file).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_alike() {
        for text in [
            "apt",
            "dnf",
            "tree:/srv/tree",
            "tar:/srv/a:b.tar.zst",
            "oci:/srv/layout",
            "oci:/srv/l:v1",
            "registry:h:5000/os/web:9",
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        let oci = "oci:/a:b/layout".parse::<Source>().unwrap();
        assert_eq!(oci, Source::Oci { path: "/a:b/layout".into(), reference: None });
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in
            ["", "APT", "zip:/x", "/srv/tree", "apt:", "tree", "tree:", "tar:", "registry", "registry:"]
        {
            assert!(bad.parse::<Source>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_tool_that_is_not_there_is_named_with_its_package() {
        let error = must_have("no-such-tool").unwrap_err();
        assert_eq!(error.to_string(), "the program no-such-tool is not installed");
        assert!(error.hint.unwrap().contains("the package no-such-tool"));
        must_have("sh").unwrap();
    }

    #[test]
    fn the_default_follows_the_server() {
        assert_eq!(Source::of_server("ID=ubuntu\nID_LIKE=debian\n"), Ok(Source::Apt));
        assert_eq!(Source::of_server("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Ok(Source::Dnf));
        assert_eq!(Source::of_server("ID=arch\n"), Err(SourceError::NoDefault("arch".to_owned())));
    }
}
