//! Where OS trees come from: what a module brings that adds a `--source`.

use crate::{Arguments, Host, ParamSpec, Refusal, error::Result};
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The words that the sources of the kit begin with. No module brings a source of one of these names.
pub const BUILT_IN_SOURCES: [&str; 5] = ["apt", "dnf", "tree", "tar", "oci"];

/// A source of OS trees, for every class that makes its images from a `--source`.
///
/// It is declared beside the classes of a module, or instead of them: `sources: { "zypper" => Zypper }`. Its name is what users write
/// (`--source zypper`): lower case letters and digits, a letter first. Its parameters are parameters of each creation that takes a source,
/// with the name of the source before theirs: `repository` of `zypper` is `--zypper-repository`, and `zypper_repository` in files.
///
/// A source gets few services: it tells what it does (`info`, `warn`, `progress`), runs programs while it builds, asks for a stop
/// (`checkpoint`), reads its module's section of the configuration and the places of the server.
///
/// ```
/// use disklessset_plugin_api::{
///     Command, Host, ParamKind, ParamSpec, Result, SourceSpec, TreeBuild, TreeSource, declare_module,
/// };
///
/// struct Debootstrap;
///
/// impl TreeSource for Debootstrap {
///     fn describe(&self) -> SourceSpec {
///         SourceSpec::new("Debian packages, by debootstrap")
///             .param(ParamSpec::flag("suite", ParamKind::Text, "The suite").default("stable"))
///             .needs("debootstrap")
///             .installs_packages()
///     }
///     fn build(&self, build: &TreeBuild, host: &Host<'_>) -> Result<()> {
///         let suite: String = build.arguments.need("suite")?;
///         host.run(&Command::new("debootstrap").args([suite.as_str(), build.tree.as_str()]))?;
///         Ok(())
///     }
/// }
///
/// declare_module! {
///     name: "debootstrap",
///     title: "Trees by debootstrap",
///     sources: { "debootstrap" => Debootstrap },
/// }
/// # fn main() {}
/// ```
pub trait TreeSource: Send + Sync + 'static {
    /// What users can say about it, and what it needs.
    fn describe(&self) -> SourceSpec;

    /// Looks at the arguments before anything is made, and says of each why it will not do; the parameter of a refusal goes by the name
    /// that the source gave it. The host has checked each against its declaration. It changes nothing and runs no programs.
    ///
    /// # Errors
    /// What speaks against the source itself, whatever its arguments.
    fn check(&self, _check: &SourceCheck<'_>, _host: &Host<'_>) -> Result<Vec<Refusal>> {
        Ok(Vec::new())
    }

    /// Makes the tree in `build.tree`.
    ///
    /// The host runs programs so that they write to the tree and to `build.scratch` and to nothing else, without devices of the server, with
    /// `/proc`, `/sys` and `/dev` made for the tree, as it does for its own sources ([`crate::Command::installing_into`]). A program
    /// of the tree itself runs with [`crate::Command::inside`].
    ///
    /// # Errors
    /// Any error: the host undoes the action.
    fn build(&self, build: &TreeBuild, host: &Host<'_>) -> Result<()>;
}

/// What a source is asked before a tree is made.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SourceCheck<'a> {
    /// Its arguments, by the names that it gave them. Those that were not given, and have no default, are absent.
    pub arguments: &'a Arguments,
    /// Whether these are all. The menu asks after each answer, with what was answered until then.
    pub complete: bool,
}

impl<'a> SourceCheck<'a> {
    /// A check of all arguments.
    pub fn new(arguments: &'a Arguments) -> Self {
        Self { arguments, complete: true }
    }

    /// The same with some arguments not given yet.
    #[must_use]
    pub fn incomplete(mut self) -> Self {
        self.complete = false;
        self
    }
}

/// A tree to make.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TreeBuild {
    /// The arguments of the source, by the names that it gave them.
    pub arguments: Arguments,
    /// What the user wants of the tree, whatever its source.
    pub request: TreeRequest,
    /// Where the tree is made: a directory, empty and root's.
    pub tree: Utf8PathBuf,
    /// A private directory for files beside the tree, gone when the action ends.
    pub scratch: Utf8PathBuf,
}

impl TreeBuild {
    /// A tree to make in a directory.
    pub fn new(
        arguments: Arguments,
        request: TreeRequest,
        tree: impl Into<Utf8PathBuf>,
        scratch: impl Into<Utf8PathBuf>,
    ) -> Self {
        Self { arguments, request, tree: tree.into(), scratch: scratch.into() }
    }
}

/// What a user wants of a tree by the parameters that all sources share. Sources that install no packages do not look at it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TreeRequest {
    /// How much goes in: `STANDARD`, `SMALL` or `CORE`.
    pub package_set: String,
    /// Packages beside the set.
    pub packages: Vec<String>,
    /// Whether the tree is to bring a kernel, and what makes its initramfs (dracut).
    pub kernel: bool,
    /// The package that has the kernel, where the user named one.
    pub kernel_package: Option<String>,
    /// The release of the distribution, where the user named one.
    pub release: Option<String>,
    /// Whether nodes have their root over NFS; they run from RAM otherwise.
    pub root_over_nfs: bool,
    /// Whether SELinux is installed.
    pub selinux: bool,
    /// Whether manuals, translations and the like are left out.
    pub optimize: bool,
}

/// The declaration of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceSpec {
    /// What it is, for help: `Packages of openSUSE, by zypper`.
    pub help: String,
    /// Its parameters. Those of kernels, images and commands belong to classes and are refused.
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// Programs of the server that it cannot do without.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Whether it installs packages, so that package sets and the like mean something.
    #[serde(default)]
    pub installs_packages: bool,
    /// Parameters with a value that [`TreeSource::check`] refuses, for `module check`.
    #[serde(default)]
    pub refuses: Vec<(String, Value)>,
}

impl SourceSpec {
    /// A source without parameters.
    pub fn new(help: &str) -> Self {
        Self {
            help: help.to_owned(),
            params: Vec::new(),
            needs: Vec::new(),
            installs_packages: false,
            refuses: Vec::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn param(mut self, param: ParamSpec) -> Self {
        self.params.push(param);
        self
    }

    /// It runs this program of the server: without it a creation is refused before it begins, and `doctor` knows it.
    #[must_use]
    pub fn needs(mut self, tool: &str) -> Self {
        self.needs.push(tool.to_owned());
        self
    }

    /// It installs packages: the package set, additional packages, the release and a kernel package are handed to it
    /// ([`TreeRequest`]).
    #[must_use]
    pub fn installs_packages(mut self) -> Self {
        self.installs_packages = true;
        self
    }

    /// A value of a parameter that its check refuses; `module check` tries it.
    #[must_use]
    pub fn refuses(mut self, parameter: &str, value: impl Into<Value>) -> Self {
        self.refuses.push((parameter.to_owned(), value.into()));
        self
    }
}
