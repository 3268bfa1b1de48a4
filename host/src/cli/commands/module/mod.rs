//! `module`: which modules there are, what they are good for, and what becomes of them.

mod check;
mod child;
mod install;
mod new;
mod remove;

pub(crate) use child::as_child;

use super::{boxed, text, word};
use crate::{
    cli::{
        globals::absolute,
        request::{Effect, Request, Session},
    },
    module_changes::{ModuleFacts, ModuleManager},
    modules::{DescribedSource, LeftOutSource, ModuleEntry, ModuleState, OfferedAction},
    output::{CellStyle, Field},
};
use camino::Utf8PathBuf;
use clap::{Arg, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{Error, ErrorKind, Result};
use serde_json::{Value, json};

pub(crate) fn command() -> Command {
    Command::new("module")
        .about("Manage modules")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("List the modules, and why a module is not used"))
        .subcommand(Command::new("info").about("Show a module with its classes and actions").arg(word(
            "name",
            "MODULE",
            "The module",
        )))
        .subcommands([check::command(), install::command(), remove::command(), new::command()])
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    match matches.subcommand() {
        Some(("info", matches)) => boxed(Ok(ModuleInfo { name: text(matches, "name").to_owned() })),
        Some(("check", matches)) => check::request(matches),
        Some(("install", matches)) => install::request(matches),
        Some(("remove", matches)) => remove::request(matches),
        Some(("new", matches)) => new::request(matches),
        _ => boxed(Ok(ListModules)),
    }
}

/// The argument with the file of a module.
fn file_argument() -> Arg {
    let file = Arg::new("file").value_name("FILE").required(true).value_hint(clap::ValueHint::FilePath);
    file.value_parser(value_parser!(Utf8PathBuf)).help("The module's file")
}

fn file_of(matches: &ArgMatches) -> Result<Utf8PathBuf> {
    match matches.get_one::<Utf8PathBuf>("file") {
        Some(file) => absolute(file),
        None => Err(Error::usage("FILE is missing")),
    }
}

/// Lists the modules.
pub(crate) struct ListModules;

impl Request for ListModules {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let registry = session.site.classes().registry();
        if let Some(problem) = registry.problem() {
            return Err(Error::failed(problem));
        }
        let entries = registry.entries();
        if entries.is_empty() {
            session.output.say(&format!("There are no modules in {}.", registry.directory()));
            if let Some(hint) = registry.hint() {
                session.output.say(hint);
            }
        }
        let facts = ModuleManager::new(&session.site).facts(entries);
        let values: Vec<Value> =
            entries.iter().zip(&facts).map(|(entry, facts)| described(entry, facts)).collect();
        session.output.document("modules", &values, |output| {
            if entries.is_empty() {
                return String::new();
            }
            output.table(
                &["NAME", "VERSION", "STATE", "CLASSES", "TITLE OR REASON"],
                entries.iter().zip(&facts).map(|(entry, facts)| row(entry, facts)).collect(),
            )
        });
        Ok(())
    }
}

fn row(entry: &ModuleEntry, facts: &ModuleFacts) -> Vec<Field> {
    let classes = entry.classes.iter().map(|class| class.name.to_string());
    let sources = entry.sources.iter().map(|source| format!("source {source}"));
    let classes: Vec<String> = classes.chain(sources).collect();
    let state = match entry.state {
        ModuleState::Ready => Field::with_style("ready", CellStyle::Good),
        ModuleState::Waiting => Field::with_style("waiting", CellStyle::Busy),
        ModuleState::Refused => Field::with_style("refused", CellStyle::Bad),
    };
    let last = match (&entry.reason, &entry.hint) {
        (Some(reason), Some(hint)) => format!("{reason} ({hint})"),
        (Some(reason), None) => reason.clone(),
        (None, _) => match &facts.note {
            Some(note) => format!("{} (note: {note})", entry.title),
            None => entry.title.clone(),
        },
    };
    let version = entry.version.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let classes = if classes.is_empty() { "-".to_owned() } else { classes.join(", ") };
    vec![(&entry.name).into(), version.into(), state, classes.into(), last.into()]
}

/// A module as programs see it.
fn described(entry: &ModuleEntry, facts: &ModuleFacts) -> Value {
    let classes: Vec<&str> = entry.classes.iter().map(|class| class.name.as_str()).collect();
    json!({
        "name": entry.name,
        "file": entry.file,
        "version": entry.version,
        "api": entry.api,
        "title": entry.title,
        "classes": classes,
        "sources": entry.sources,
        "state": entry.state,
        "reason": entry.reason,
        "hint": entry.hint,
        "installed": facts.installed.as_ref().map(|installed| json!({
            "from": installed.origin,
            "version": installed.version,
            "sha256": installed.sha256,
            "when": installed.when,
            "signed_by": installed.signed_by.as_ref().map(|signer| json!({
                "name": signer.name,
                "key": signer.key,
            })),
        })),
        "note": facts.note,
    })
}

/// Shows one module; loads it when it can be used.
pub(crate) struct ModuleInfo {
    name: String,
}

impl Request for ModuleInfo {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let classes = session.site.classes();
        let entry = classes.registry().module(&self.name).ok_or_else(|| {
            Error::new(ErrorKind::NOT_FOUND, format!("there is no module {:?}", self.name))
                .hint("`disklessset module list` shows all modules")
        })?;
        let facts = ModuleManager::new(&session.site).facts(std::slice::from_ref(entry));
        let mut value = described(entry, &facts.into_iter().next().unwrap_or_default());
        if entry.state == ModuleState::Ready {
            let actions = classes.actions(&entry.name)?;
            value["actions"] = actions.iter().map(|offered| action(&entry.name, offered)).collect();
            let sources = classes.sources_of(entry)?;
            value["source_declarations"] = sources.iter().map(source).collect();
            // Its own sources that an action lacks, and sources of others that its own actions lack.
            let concerns = |left_out: &LeftOutSource| {
                entry.sources.iter().any(|own| own.as_str() == left_out.source)
                    || left_out.action.split(' ').next() == Some(entry.name.as_str())
            };
            let left_out: Vec<String> = classes
                .all_sources_left_out()
                .into_iter()
                .filter(concerns)
                .map(|left_out| left_out.to_string())
                .collect();
            if !left_out.is_empty() {
                value["warnings"] = json!(left_out);
            }
        }
        session.output.document("module", &value, |output| {
            let mut shown = value.clone();
            if let Some(map) = shown.as_object_mut() {
                map.remove("name");
                map.retain(|_, value| !value.is_null());
                // People want the commands; programs get the declarations.
                let commands = |actions: &Value| {
                    let pairs = actions.as_array().into_iter().flatten().map(|action| {
                        let text =
                            action["disabled"].as_str().or(action["help"].as_str()).unwrap_or_default();
                        (action["command"].as_str().unwrap_or_default().to_owned(), Value::from(text))
                    });
                    Value::Object(pairs.collect())
                };
                map.remove("sources");
                let options = |sources: &Value| {
                    let pairs = sources.as_array().into_iter().flatten().map(|source| {
                        let text =
                            source["disabled"].as_str().or(source["help"].as_str()).unwrap_or_default();
                        let option = format!("--source {}", source["name"].as_str().unwrap_or_default());
                        (option, Value::from(text))
                    });
                    Value::Object(pairs.collect())
                };
                if let Some(sources) = map.remove("source_declarations").map(|sources| options(&sources)) {
                    map.insert("sources".to_owned(), sources);
                }
                map.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
                map.retain(|_, value| !value.as_object().is_some_and(serde_json::Map::is_empty));
                if let Some(actions) = map.get("actions").map(commands) {
                    map.insert("actions".to_owned(), actions);
                }
            }
            output.tree(&entry.name, &shown)
        });
        Ok(())
    }
}

fn source(source: &DescribedSource) -> Value {
    let description = &source.description;
    json!({
        "name": description.name,
        "help": description.spec.help,
        "disabled": source.disabled,
        "tools": description.spec.needs,
        "installs_packages": description.spec.installs_packages,
        "parameters": description.params("source"),
    })
}

fn action(module: &str, offered: &OfferedAction) -> Value {
    let spec = &offered.action.spec;
    json!({
        "command": format!("disklessset {module} {} NAME", spec.words),
        "label": spec.label,
        "help": spec.help,
        "classes": offered.classes,
        "disabled": offered.action.disabled,
        "parameters": spec.params,
    })
}
