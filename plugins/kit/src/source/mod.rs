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
mod proxies;
mod registry;
mod repositories;
mod server;
mod tree_plan;
mod written;

pub use address::{Address, AddressError};
pub use apt_sources::{AptEntry, distribution_sources};
pub use oci::{OciFacts, oci_facts};
pub use of_module::ModuleSource;
pub use proxies::with_proxies;
pub use registry::RegistryImage;
pub use repositories::{Repo, Repositories, TextFile, Trust};
pub use server::{field, servers_os_release};
pub use tree_plan::{Lasts, Optimize, TreePlan};
pub use written::SourceError;

use crate::{
    packages::{KERNEL_OF_DNF, default_kernel_package},
    space::{self, Need, Plan},
    tools,
    trees::Watched,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Host, Result};

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

impl Source {
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

/// Refuses a source whose tool is not there. Its package is called like the tool everywhere.
fn must_have(tool: &str) -> Result<()> {
    tools::must_have(tool, tool).map_err(|error| {
        let hint = error.hint.clone().unwrap_or_default();
        error.hint(format!("{hint}, or take another --source"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_there_is_named_with_its_package() {
        let error = must_have("no-such-tool").unwrap_err();
        assert_eq!(error.to_string(), "the program no-such-tool is not installed");
        assert!(error.hint.unwrap().contains("the package no-such-tool"));
        must_have("sh").unwrap();
    }
}
