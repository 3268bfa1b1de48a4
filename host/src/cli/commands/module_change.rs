//! `module check`, `install`, `remove` and `new`: for those who bring modules and those who write them.
//!
//! A file that is checked or installed is loaded in a child process: what it does to that process it does not do to ours.

use super::{boxed, text};
use crate::{
    cli::{
        completion::Names,
        globals::absolute,
        request::{Effect, Request, Session},
    },
    failure,
    images::ParametersFile,
    module_changes::{self, ModuleManager},
    modules::{
        ModuleEntry, ModuleName, ModuleRegistry, ModuleState,
        check::{self, Finding, Outcome},
        new::{self, Needs, PluginApi},
        note,
    },
    output::{CellStyle, Field, Output},
    system::{command::Tool, interrupt},
};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use disklessset_check::{self as contract, CHILD, CheckOptions};
use disklessset_plugin_api::{BaseClass, Error, ErrorKind, Raw, Result};
use serde_json::{Value, json};
use std::{collections::BTreeMap, ffi::OsString, time::Duration};

/// The most a child's answer may hold, in bytes.
const MOST_ANSWER: usize = 1024 * 1024;

/// The commands below `module` that this file has.
pub(super) fn commands() -> [Command; 4] {
    let file = || {
        let file = Arg::new("file").value_name("FILE").required(true).value_hint(clap::ValueHint::FilePath);
        file.value_parser(value_parser!(Utf8PathBuf)).help("The module's file")
    };
    [
        Command::new("check")
            .about("Check a module file: read it, load it, and try its classes in a temporary root")
            .arg(file())
            .arg(super::path_option(
                "parameters",
                "FILE",
                "A parameters file with values to exercise it with",
            ))
            .arg(Arg::new("set").long("set").value_name("NAME=VALUE").action(ArgAction::Append).help(
                "A value to exercise it with, by the parameter's name in files; several times for a list",
            ))
            .arg(
                Arg::new("time-limit")
                    .long("time-limit")
                    .value_name("SECONDS")
                    .value_parser(value_parser!(u64).range(1..))
                    .help("Time limit of one action, in seconds [default: 600]"),
            )
            .arg(
                Arg::new("quick")
                    .long("quick")
                    .action(ArgAction::SetTrue)
                    .help("Look at the file and load it, and try nothing"),
            ),
        Command::new("install").about("Copy a module into the modules directory").arg(file()).arg(
            super::path_option("signature", "FILE", "Its signature, made by ssh-keygen [default: FILE.sig]"),
        ),
        Command::new("remove")
            .about("Remove a module from the modules directory; its images stay")
            .arg(super::word("name", "MODULE", "The module")),
        Command::new("new")
            .about("Create the source of a new module in ./NAME-module")
            .arg(super::word("name", "NAME", "The module").add(Names::New))
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
            ),
    ]
}

/// The request behind one of them.
pub(super) fn request(word: &str, matches: &ArgMatches) -> Option<Result<Box<dyn Request>>> {
    let file = || match matches.get_one::<Utf8PathBuf>("file") {
        Some(file) => absolute(file),
        None => Err(Error::usage("FILE is missing")),
    };
    Some(match word {
        "check" => boxed(file().and_then(|file| {
            let options = if matches.get_flag("quick") { None } else { Some(options(matches)?) };
            Ok(CheckModule { file, options })
        })),
        "install" => boxed(file().and_then(|file| {
            let signature = matches.get_one::<Utf8PathBuf>("signature").map(|path| absolute(path));
            Ok(InstallModule { file, signature: signature.transpose()? })
        })),
        "remove" => boxed(Ok(RemoveModule { name: text(matches, "name").to_owned() })),
        "new" => boxed(ModuleName::parse(text(matches, "name")).map_err(failure::usage).map(|name| {
            let on = matches.get_one::<String>("on").cloned();
            let needs = if matches.get_flag("kit") { Needs::Kit } else { Needs::Api };
            NewModule { name, on, needs }
        })),
        _ => return None,
    })
}

/// What the classes are exercised with.
fn options(matches: &ArgMatches) -> Result<CheckOptions> {
    let file = matches.get_one::<Utf8PathBuf>("parameters").map(|path| absolute(path)).transpose()?;
    let mut given =
        file.map(|file| ParametersFile::load(&file)).transpose()?.map(|file| file.given).unwrap_or_default();
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for word in matches.get_many::<String>("set").into_iter().flatten() {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| Error::usage(format!("--set {word:?} is not of the form NAME=VALUE")))?;
        named.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    for (name, mut values) in named {
        let raw = if values.len() == 1 { Raw::Text(values.remove(0)) } else { Raw::List(values) };
        given.insert(name, raw);
    }
    let limit = matches.get_one::<u64>("time-limit").copied().unwrap_or(600);
    Ok(CheckOptions { given, limit: Duration::from_secs(limit), sections: BTreeMap::new() })
}

struct CheckModule {
    file: Utf8PathBuf,
    /// Nothing is exercised without.
    options: Option<CheckOptions>,
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
        let mut findings: Vec<Finding> = match answer.map(serde_json::from_value) {
            Ok(findings) => findings?,
            Err(cause) => vec![failed("loading", format!("the process that loaded it ended: {cause}"))],
        };
        let bad = |findings: &[Finding]| findings.iter().any(|finding| finding.outcome == Outcome::Bad);
        if let Some(mut options) = self.options.clone().filter(|_| !bad(&findings)) {
            // A stop that is asked for meanwhile ends it in good order.
            interrupt::install()?;
            let registry = session.site.classes().registry();
            let inspected = note::inspect(&self.file).map_err(failure::of)?;
            let installed = registry.ready().map(|module| module.name.clone());
            for name in installed.chain([inspected.identity.name.to_string()]) {
                let section = session.site.configuration().of_module(&name);
                options.sections.insert(name, section);
            }
            match contract::exercise(&self.file, &inspected.identity, registry, options) {
                Ok(more) => findings.extend(more),
                Err(cause) => findings.push(failed("contract", cause)),
            }
            not_stopped()?;
        }
        session.output.document("findings", &findings, |output| table(output, &findings));
        let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
        session.output.say(&format!(
            "{} ok, {} not exercised, {} to know, {} failed",
            count(Outcome::Good),
            count(Outcome::NotExercised),
            count(Outcome::Warning),
            count(Outcome::Bad)
        ));
        if bad(&findings) {
            return Err(Error::failed(format!("{} does not pass the check", self.file)));
        }
        Ok(())
    }
}

fn failed(subject: &str, text: String) -> Finding {
    Finding { subject: subject.to_owned(), outcome: Outcome::Bad, text, hint: None }
}

fn table(output: &Output, findings: &[Finding]) -> String {
    let row = |finding: &Finding| {
        let (word, style) = match finding.outcome {
            Outcome::Good => ("ok", CellStyle::Good),
            Outcome::NotExercised => ("not exercised", CellStyle::Busy),
            Outcome::Warning => ("warning", CellStyle::Busy),
            Outcome::Bad => ("failed", CellStyle::Bad),
        };
        let mut text = finding.text.clone();
        if let Some(hint) = &finding.hint {
            text.push_str(&format!(" ({hint})"));
        }
        vec![Field::from(&finding.subject), Field::with_style(word, style), text.into()]
    };
    output.table(&["CHECKED", "RESULT", "WHAT"], findings.iter().map(row).collect())
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

struct RemoveModule {
    name: String,
}

impl Request for RemoveModule {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn is_for_mirrors(&self) -> bool {
        true
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let plan = ModuleManager::new(&session.site).plan_remove(&self.name)?;
        let mut lines = vec![format!("remove {}", plan.file())];
        lines.extend(left_without(session, &self.name)?.map(|images| format!("leave {images}")));
        lines.extend(plan.will_wait().iter().map(|module| format!("leave module {module} waiting for it")));
        Ok(lines)
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let left = left_without(session, &self.name)?;
        let plan = ModuleManager::new(&session.site).remove(&self.name)?;
        if let Some(images) = left {
            session.output.warn(&format!("this leaves {images}"));
        }
        for module in plan.will_wait() {
            session.output.warn(&format!("module {module} builds on it and waits until it is back"));
        }
        session.output.say(&format!("removed module {} ({})", self.name, plan.file()));
        Ok(())
    }
}

/// What the removal of a module means for the images of its classes.
fn left_without(session: &Session, module: &str) -> Result<Option<String>> {
    let images = session.images().list()?;
    let names: Vec<&str> = images
        .iter()
        .filter(|image| image.module.as_deref() == Some(module))
        .map(|image| image.name.as_str())
        .collect();
    let shown = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    Ok(match names.len() {
        0 => None,
        1 => Some(format!("image {shown} without its module: nodes boot it, and it cannot be changed")),
        count => {
            let more = if count > 5 { ", ..." } else { "" };
            Some(format!(
                "{count} images without their module ({shown}{more}): nodes boot them, and they cannot be changed"
            ))
        }
    })
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

/// Has a child of this program look at a file and gives back its answer.
///
/// # Errors
/// How the child ended, in one line, when it did not end well.
fn in_child(what: &str, file: &Utf8Path, directory: &Utf8Path) -> std::result::Result<Value, String> {
    let tool = Tool::this_program().args([CHILD, what, file.as_str(), directory.as_str()]);
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
///
/// # Errors
/// What a child that exercises a module could not begin with.
pub(crate) fn as_child(arguments: &[OsString], output: &Output) -> Option<Result<()>> {
    let arguments: Vec<&str> = arguments.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let [CHILD, what, file, directory] = arguments[..] else { return None };
    let file = Utf8Path::new(file);
    let answer = match what {
        "act" => return Some(contract::perform(file).map_err(Error::failed)),
        "examine" => {
            let emit = |finding: &Finding| output.data(&format!("{}\n", json!(finding)));
            return Some(contract::examine(file, &emit).map_err(Error::failed));
        }
        "check" => json!(check::check(file, &ModuleRegistry::scan(Utf8Path::new(directory))).findings),
        _ => match module_changes::load_here(file) {
            Ok(()) => Value::Null,
            Err(reason) => Value::String(reason),
        },
    };
    output.data(&answer.to_string());
    Some(Ok(()))
}
