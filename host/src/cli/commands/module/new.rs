//! `module new`: the source of a module, to begin with.

use crate::{
    cli::{
        commands::{boxed, text, word},
        completion::Names,
        request::{Effect, Request, Session},
    },
    failure,
    modules::{
        ModuleName,
        new::{self, Needs, PluginApi},
    },
};
use camino::Utf8Path;
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{BaseClass, Error, ErrorKind, Result};

pub(super) fn command() -> Command {
    Command::new("new")
        .about("Create the source of a new module in ./NAME-module")
        .arg(word("name", "NAME", "The module").add(Names::New))
        .arg(
            Arg::new("on")
                .long("on")
                .value_name("CLASS")
                .help("Base class of the new class, of an installed module"),
        )
        .arg(
            Arg::new("kit")
                .long("kit")
                .action(ArgAction::SetTrue)
                .help("Build with the kit for OS images: sources of trees, kernels, accounts, packing"),
        )
}

pub(super) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    boxed(ModuleName::parse(text(matches, "name")).map_err(failure::usage).map(|name| {
        let on = matches.get_one::<String>("on").cloned();
        let needs = if matches.get_flag("kit") { Needs::Kit } else { Needs::Api };
        NewModule { name, on, needs }
    }))
}

struct NewModule {
    name: ModuleName,
    /// The class that its class is built on.
    on: Option<String>,
    needs: Needs,
}

impl NewModule {
    /// The base with the versions of its module that will do, which are those like the one that is here.
    fn base(&self, session: &Session) -> Result<Option<BaseClass>> {
        let Some(class) = &self.on else { return Ok(None) };
        let module = session.site.classes().registry().module_of(class).map_err(|cause| {
            Error::new(ErrorKind::NOT_FOUND, format!("cannot build on class {class}: {cause}"))
                .hint("`disklessset module list` shows the classes that are here")
        })?;
        let version = module.version.as_ref().map(new::versions_like).unwrap_or_else(|| "*".to_owned());
        Ok(Some(BaseClass { class: class.clone(), version }))
    }
}

impl Request for NewModule {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn is_for_mirrors(&self) -> bool {
        true
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let base = self.base(session)?.map(|base| format!(", on class {} of {}", base.class, base.version));
        Ok(vec![format!(
            "make the source of module {0} in ./{0}-module{1}",
            self.name,
            base.unwrap_or_default()
        )])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let base = self.base(session)?;
        let made = new::create(&self.name, Utf8Path::new("."), &PluginApi::find(), base.as_ref(), self.needs)
            .map_err(failure::of)?;
        session.output.say(&format!("made {made}; its README says how to build and install it"));
        Ok(())
    }
}
