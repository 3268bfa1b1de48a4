//! `module install`: a module, copied into the modules directory.

use super::{
    child::{in_child, not_stopped},
    file_argument, file_of,
};
use crate::{
    cli::{
        commands::{boxed, path_option},
        globals::absolute,
        request::{Effect, Request, Session},
    },
    module_changes::ModuleManager,
    modules::{ModuleEntry, ModuleState},
};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::Result;
use serde_json::Value;

pub(super) fn command() -> Command {
    Command::new("install")
        .about("Copy a module into the modules directory")
        .arg(file_argument())
        .arg(path_option("signature", "FILE", "Its signature, made by ssh-keygen [default: FILE.sig]"))
}

pub(super) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    boxed(file_of(matches).and_then(|file| {
        let signature = matches.get_one::<Utf8PathBuf>("signature").map(|path| absolute(path));
        Ok(InstallModule { file, signature: signature.transpose()? })
    }))
}

struct InstallModule {
    file: Utf8PathBuf,
    signature: Option<Utf8PathBuf>,
}

impl Request for InstallModule {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn is_for_mirrors(&self) -> bool {
        true
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let plan = ModuleManager::new(&session.site).plan_install(&self.file)?;
        let identity = plan.identity();
        let replaces = plan.replaces().map(|version| format!(" in place of {version}")).unwrap_or_default();
        Ok(vec![format!(
            "install module {} {}{replaces} as {}",
            identity.name,
            identity.version,
            plan.target()
        )])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let directory = session.site.layout().modules_dir();
        let loads = |copy: &Utf8Path| match in_child("load", copy, &directory) {
            Ok(Value::String(reason)) => Err(reason),
            Ok(_) => Ok(()),
            Err(cause) => Err(format!("the process that loaded it ended: {cause}")),
        };
        let manager = ModuleManager::new(&session.site);
        let replaced = manager.plan_install(&self.file)?.replaces().map(ToString::to_string);
        let installed = manager.install(&self.file, self.signature.as_deref(), &loads);
        let installed = installed.or_else(|error| not_stopped().and(Err(error)))?;
        let version = installed.version.as_ref().map(ToString::to_string).unwrap_or_default();
        let replaced = replaced.map(|old| format!(" in place of {old}")).unwrap_or_default();
        session
            .output
            .say(&format!("installed module {} {version}{replaced} as {}", installed.name, installed.file));
        told_if_unused(session, &installed);
        Ok(())
    }
}

fn told_if_unused(session: &Session, module: &ModuleEntry) {
    if module.state != ModuleState::Ready {
        let reason = module.reason.as_deref().unwrap_or("it is not used");
        session.output.warn(&format!("module {} is not used yet: {reason}", module.name));
    }
}
