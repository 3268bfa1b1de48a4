//! `module check`, `install`, `remove` and `new`: for those who bring modules and those who write them.
//!
//! A file that is checked or installed is loaded in a child process: what it does to that process it does not do to ours.

use super::{boxed, text};
use crate::{
    cli::{
        globals::absolute,
        request::{Effect, Request, Session},
    },
    failure,
    modules::{
        ModuleEntry, ModuleManager, ModuleName, ModuleRegistry, ModuleState,
        check::{self, Outcome},
        install,
        new::{self, PluginApi},
    },
    output::{Field, Mood, Output},
    system::{command::Tool, interrupt},
};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Arg, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::ffi::OsString;

/// The first word of the command line of the child; not for people.
const CHILD: &str = "__module-child";
/// The most a child's answer may hold, in bytes.
const MOST_ANSWER: usize = 1024 * 1024;

/// The commands below `module` that this file has.
pub(super) fn commands() -> [Command; 4] {
    let file = || {
        let file = Arg::new("file").value_name("FILE").required(true).value_hint(clap::ValueHint::FilePath);
        file.value_parser(value_parser!(Utf8PathBuf)).help("The module's file")
    };
    [
        Command::new("check").about("Check a module's file before it is used").arg(file()),
        Command::new("install").about("Copy a module into the modules directory").arg(file()).arg(
            super::path_option("signature", "FILE", "Its signature, made by ssh-keygen [default: FILE.sig]"),
        ),
        Command::new("remove")
            .about("Remove a module from the modules directory; its images stay")
            .arg(super::word("name", "NAME", "The module")),
        Command::new("new").about("Make the source of a new module, in ./NAME-module").arg(super::word(
            "name",
            "NAME",
            "The module",
        )),
    ]
}

/// The request behind one of them.
pub(super) fn request(word: &str, matches: &ArgMatches) -> Option<Result<Box<dyn Request>>> {
    let file = || match matches.get_one::<Utf8PathBuf>("file") {
        Some(file) => absolute(file),
        None => Err(Error::usage("FILE is missing")),
    };
    Some(match word {
        "check" => boxed(file().map(|file| CheckModule { file })),
        "install" => boxed(file().and_then(|file| {
            let signature = matches.get_one::<Utf8PathBuf>("signature").map(|path| absolute(path));
            Ok(InstallModule { file, signature: signature.transpose()? })
        })),
        "remove" => boxed(Ok(RemoveModule { name: text(matches, "name").to_owned() })),
        "new" => boxed(
            ModuleName::parse(text(matches, "name")).map_err(failure::usage).map(|name| NewModule { name }),
        ),
        _ => return None,
    })
}

struct CheckModule {
    file: Utf8PathBuf,
}

impl Request for CheckModule {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let directory = session.site.layout().modules_dir();
        let answer = in_child("check", &self.file, &directory);
        not_stopped()?;
        let findings = answer.unwrap_or_else(|cause| {
            let text = format!("the process that loaded it ended: {cause}");
            json!([{"subject": "loading", "outcome": Outcome::Bad, "text": text, "hint": null}])
        });
        session.output.document("findings", &findings, |output| table(output, &findings));
        let is_bad = |finding: &Value| finding["outcome"] == json!(Outcome::Bad);
        if findings.as_array().is_some_and(|findings| findings.iter().any(is_bad)) {
            return Err(Error::failed(format!("{} cannot be used as a module", self.file)));
        }
        Ok(())
    }
}

fn table(output: &Output, findings: &Value) -> String {
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let row = |finding: &Value| {
        let outcome = word(finding, "outcome");
        let mood = match outcome.as_str() {
            "good" => Mood::Good,
            "warning" => Mood::Busy,
            _ => Mood::Bad,
        };
        let mut text = word(finding, "text");
        if let Some(hint) = finding["hint"].as_str() {
            text.push_str(&format!(" ({hint})"));
        }
        vec![word(finding, "subject").into(), Field::with_mood(&outcome, mood), text.into()]
    };
    output.table(&["CHECKED", "RESULT", "WHAT"], findings.as_array().into_iter().flatten().map(row).collect())
}

struct InstallModule {
    file: Utf8PathBuf,
    signature: Option<Utf8PathBuf>,
}

impl Request for InstallModule {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
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
        let installed = manager.install(&self.file, self.signature.as_deref(), &loads);
        let installed = installed.or_else(|error| not_stopped().and(Err(error)))?;
        session.output.say(&format!("installed module {} as {}", installed.name, installed.file));
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

struct RemoveModule {
    name: String,
}

impl Request for RemoveModule {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let plan = ModuleManager::new(&session.site).plan_remove(&self.name)?;
        let mut lines = vec![format!("remove {}", plan.file())];
        lines.extend(plan.will_wait().iter().map(|module| format!("leave module {module} waiting for it")));
        Ok(lines)
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let plan = ModuleManager::new(&session.site).remove(&self.name)?;
        for module in plan.will_wait() {
            session.output.warn(&format!("module {module} builds on it and waits until it is back"));
        }
        session.output.say(&format!("removed module {} ({})", self.name, plan.file()));
        Ok(())
    }
}

struct NewModule {
    name: ModuleName,
}

impl Request for NewModule {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(vec![format!("make the source of module {0} in ./{0}-module", self.name)])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let made = new::create(&self.name, Utf8Path::new("."), &PluginApi::find()).map_err(failure::of)?;
        session.output.say(&format!("made {made}; its README says how to build and install it"));
        Ok(())
    }
}

/// Has a child of this program look at a file and gives back its answer.
///
/// # Errors
/// How the child ended, in one line, when it did not end well.
fn in_child(what: &str, file: &Utf8Path, directory: &Utf8Path) -> std::result::Result<Value, String> {
    let program = std::env::current_exe().map_err(|cause| cause.to_string())?;
    let tool = Tool::new(program).args([CHILD, what, file.as_str(), directory.as_str()]);
    let done = tool.capture_stdout(MOST_ANSWER).run().map_err(|cause| first_line(&cause.to_string()))?;
    serde_json::from_slice(&done.stdout).map_err(|_| "it gave no answer".to_owned())
}

/// An error when the user asked for a stop: the child was ended by it then.
fn not_stopped() -> Result<()> {
    interrupt::check().map_err(|signal| failure::with_kind(ErrorKind::INTERRUPTED, signal))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The child's side: answers on standard output. `None` when this process is no such child.
pub(crate) fn as_child(arguments: &[OsString], output: &Output) -> Option<()> {
    let arguments: Vec<&str> = arguments.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let [CHILD, what, file, directory] = arguments[..] else { return None };
    let file = Utf8Path::new(file);
    let answer = match what {
        "check" => json!(check::check(file, &ModuleRegistry::scan(Utf8Path::new(directory))).findings),
        _ => match install::load_here(file) {
            Ok(()) => Value::Null,
            Err(reason) => Value::String(reason),
        },
    };
    output.data(&answer.to_string());
    Some(())
}
