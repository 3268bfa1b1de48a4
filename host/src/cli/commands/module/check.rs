//! `module check`: whether a module does what the host expects, said before it is installed.

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
    failure,
    images::ParametersFile,
    modules::{
        check::{Finding, Outcome},
        note,
    },
    output::{CellStyle, Field, Output},
    system::interrupt,
};
use camino::Utf8PathBuf;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use disklessset_check::{self as contract, CheckOptions};
use disklessset_plugin_api::{Error, Raw, Result};
use std::{collections::BTreeMap, time::Duration};

pub(super) fn command() -> Command {
    Command::new("check")
        .about("Check a module file: read it, load it, and try its classes in a temporary root")
        .arg(file_argument())
        .arg(path_option("parameters", "FILE", "A parameters file with values to exercise it with"))
        .arg(
            Arg::new("set").long("set").value_name("NAME=VALUE").action(ArgAction::Append).help(
                "A value to exercise it with, by the parameter's name in files; several times for a list",
            ),
        )
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
        )
}

pub(super) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    boxed(file_of(matches).and_then(|file| {
        let options = if matches.get_flag("quick") { None } else { Some(options(matches)?) };
        Ok(CheckModule { file, options })
    }))
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
