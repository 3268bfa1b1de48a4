//! A source that a module brings: the host asks that module.

use super::{Optimize, Source, SourceError, TreePlan, servers_os_release};
use crate::packages::{Purpose, Selinux};
use camino::Utf8Path;
use disklessset_plugin_api::{
    Arguments, Error, ErrorKind, Host, Image, ParamKind, Refusal, Result, SourceCheck, SourceDescription,
    TreeBuild, TreeRequest,
};
use std::fmt;

/// The parameter that says where a tree comes from.
const SOURCE: &str = "source";

/// A source of a module, with its arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct ModuleSource {
    description: SourceDescription,
    arguments: Arguments,
}

/// Secrets may be among its arguments.
impl fmt::Debug for ModuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ModuleSource").field(&self.description.name).finish()
    }
}

impl Source {
    /// The source that the arguments of an action name, one of a module with its own arguments; the server's own where they name none.
    ///
    /// # Errors
    /// When it is no source, or its module is not there.
    pub fn of_arguments(args: &Arguments, host: &Host<'_>) -> Result<Self> {
        let Some(text) = args.get::<String>(SOURCE)? else {
            return Ok(Self::of_server(&servers_os_release())?);
        };
        match text.parse::<Self>() {
            Ok(source) => source.absolute(),
            Err(SourceError::Shape(_)) if is_name(&text) => {
                ModuleSource::read(&text, args, host).map(Self::Module)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What of the arguments of an action the source refuses. [`Self::check`] is for those of the kit that the server has.
    ///
    /// # Errors
    /// What speaks against the source itself.
    pub fn refusals(&self, complete: bool, host: &Host<'_>) -> Result<Vec<Refusal>> {
        let module = match self {
            Self::Module(module) => module,
            Self::Registry(image) => return image.refusals(complete, host),
            _ => return Ok(Vec::new()),
        };
        let mut check = SourceCheck::new(&module.arguments);
        if !complete {
            check = check.incomplete();
        }
        let refusals = host.check_source(&module.description.name, &check)?;
        Ok(module.description.refusals(refusals))
    }
}

/// Whether a text can be the name of a source of a module.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl ModuleSource {
    fn read(name: &str, args: &Arguments, host: &Host<'_>) -> Result<Self> {
        let description = host.source(name).map_err(|error| match error.kind {
            // Nobody has it: the user reads what there is.
            ErrorKind::NOT_FOUND if error.hint.is_none() => {
                Error::from(SourceError::Shape(name.to_owned())).because(error.message)
            }
            _ => error,
        })?;
        let arguments = description.arguments(args);
        Ok(Self { description, arguments })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// Whether it installs packages.
    pub fn installs_packages(&self) -> bool {
        self.description.spec.installs_packages
    }

    /// Its arguments as attributes of an image, under the names that they have in parameters files; no secret is among them.
    pub fn record(&self, image: &mut Image) {
        for param in self.description.spec.params.iter().filter(|param| param.kind != ParamKind::Secret) {
            if let Some(value) = self.arguments.0.get(&param.name) {
                image.set(&self.description.parameter(&param.name), value.clone());
            }
        }
    }

    /// Has it make the tree, and looks at what it made.
    pub(super) fn build(
        &self,
        plan: &TreePlan,
        tree: &Utf8Path,
        scratch: &Utf8Path,
        host: &Host<'_>,
    ) -> Result<()> {
        let name = self.name();
        host.progress(&format!("making the tree by {name}"), 0, 0);
        let build = TreeBuild::new(self.arguments.clone(), request(plan), tree, scratch);
        host.build_from_source(name, &build)
            .map_err(|error| error.context(format!("cannot make the tree from the source {name}")))?;
        if tree.join("etc/passwd").symlink_metadata().is_err() {
            return Err(Error::failed(format!(
                "the source {name} made no operating system: its tree has no etc/passwd"
            )));
        }
        Ok(())
    }
}

fn request(plan: &TreePlan) -> TreeRequest {
    let mut request = TreeRequest::default();
    request.package_set = plan.set.to_string();
    request.packages.clone_from(&plan.extras.additional);
    request.kernel = plan.brings_kernel;
    request.kernel_package.clone_from(&plan.extras.kernel_package);
    request.release.clone_from(&plan.release);
    request.root_over_nfs = plan.extras.purpose == Purpose::Nfs;
    request.selinux = plan.extras.selinux == Selinux::On;
    request.optimize = plan.optimize == Optimize::Aggressively;
    request
}

#[cfg(test)]
mod tests {
    use super::super::Repositories;
    use super::*;
    use crate::packages::{Extras, PackageSet};
    use disklessset_plugin_api::{ParamSpec, SourceSpec, TreeSource, testing::TestHost};

    /// Copies a file into the tree, by a program.
    struct Copied;

    impl TreeSource for Copied {
        fn describe(&self) -> SourceSpec {
            SourceSpec::new("A file of the server")
                .param(ParamSpec::flag("file", ParamKind::Path, "The file").required())
                .param(ParamSpec::flag("login", ParamKind::Secret, "Who may have it"))
        }

        fn check(&self, check: &SourceCheck<'_>, _host: &Host<'_>) -> Result<Vec<Refusal>> {
            let file: String = check.arguments.get("file")?.unwrap_or_default();
            let there = Utf8Path::new(&file).exists();
            Ok(if there { Vec::new() } else { vec![Refusal::new("file", "is not there")] })
        }

        fn build(&self, build: &TreeBuild, _host: &Host<'_>) -> Result<()> {
            let to = build.tree.join(build.arguments.need::<String>("file")?.trim_start_matches('/'));
            std::fs::create_dir_all(to.parent().unwrap())?;
            std::fs::copy(build.arguments.need::<String>("file")?, to)?;
            Ok(())
        }
    }

    fn plan() -> TreePlan {
        TreePlan {
            set: PackageSet::Core,
            extras: Extras::default(),
            brings_kernel: false,
            release: None,
            optimize: Optimize::default(),
            repositories: Repositories::default(),
            lasts: crate::source::Lasts::default(),
        }
    }

    fn arguments(file: &str) -> Arguments {
        Arguments::default()
            .with("source", "copied")
            .with("copied_file", file)
            .with("copied_login", "hunter2")
    }

    #[test]
    fn a_source_of_a_module_is_found_by_its_name_and_refuses_in_the_words_of_the_action() {
        let test = TestHost::new();
        let host = test.host("C");
        let unknown = Source::of_arguments(&arguments("/etc/passwd"), &host).unwrap_err();
        assert!(unknown.message.starts_with("\"copied\" is no source: write apt,"), "{unknown}");
        assert_eq!(unknown.causes, ["no module here brings source copied"]);
        test.add_source("copied", Copied);
        let source = Source::of_arguments(&arguments("/nowhere"), &host).unwrap();
        assert_eq!((source.to_string().as_str(), source.installs_packages()), ("copied", false));
        let refusals = source.refusals(true, &host).unwrap();
        assert_eq!(refusals, [Refusal::new("copied_file", "is not there")]);
        let source = Source::of_arguments(&arguments("/etc/passwd"), &host).unwrap();
        assert_eq!(source.refusals(true, &host).unwrap(), []);
        assert!(!format!("{source:?}").contains("hunter2"));
    }

    #[test]
    fn what_a_source_made_is_looked_at_and_its_arguments_are_recorded_without_secrets() {
        let test = TestHost::new();
        let host = test.host("C");
        test.add_source("copied", Copied);
        let build = |file: &str, name: &str| {
            let source = Source::of_arguments(&arguments(file), &host).unwrap();
            let (tree, scratch) = (test.root().join(name), test.root().join("scratch"));
            std::fs::create_dir(&tree).unwrap();
            source.build(&plan(), &tree, &scratch, &host).map(|_| source)
        };
        let none = build("/etc/group", "one").unwrap_err();
        assert!(none.message.contains("the source copied made no operating system"), "{none}");
        let Source::Module(source) = build("/etc/passwd", "two").unwrap() else { panic!("not a module's") };
        let mut image = test.new_image("web", "C");
        source.record(&mut image);
        assert_eq!(image.text("copied_file").as_deref(), Some("/etc/passwd"));
        assert!(image.attributes().values().all(|value| !value.to_string().contains("hunter2")));
    }
}
