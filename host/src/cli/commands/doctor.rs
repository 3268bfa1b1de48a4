//! `doctor`: whether this server has the tools that actions need, and the packages of those it has not.

use crate::{
    cli::request::{Effect, Request, Session},
    modules::LeftOutSource,
    needs::{self, ACTIONS, Action, Family, Finding},
    output::{CellStyle, Field, Output},
    system::command,
};
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};
use disklessset_plugin_api::{Error, Result, SourceDescription};
use serde::Serialize;
use std::collections::BTreeSet;

pub(crate) fn command() -> Command {
    let names = ACTIONS.iter().map(|action| action.name);
    Command::new("doctor")
        .about("Show which tools each action needs, whether they are installed, and which packages have them")
        .arg(
            Arg::new("actions")
                .value_name("ACTION")
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(names))
                .help("Actions to look at [default: all]"),
        )
        .after_help(
            "Ends with 0 when all that is needed is here, with 1 when something is missing. Without ACTION all actions are shown, \
             and those count that every site does, with packages of this server's own distribution; a named ACTION always counts.",
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Doctor {
    let named: Vec<&String> = matches.get_many("actions").into_iter().flatten().collect();
    Doctor { named: ACTIONS.iter().filter(|action| named.iter().any(|name| *name == action.name)).collect() }
}

/// Looks for tools.
pub(crate) struct Doctor {
    /// None: all.
    named: Vec<&'static Action>,
}

/// An action, looked at.
#[derive(Serialize)]
struct Examined {
    action: String,
    what: String,
    /// Whether its lack is counted.
    counts: bool,
    /// Whether nothing that it needs is missing.
    ready: bool,
    tools: Vec<ExaminedTool>,
}

#[derive(Serialize)]
struct ExaminedTool {
    tool: String,
    path: Option<String>,
    /// What it is for, when the action goes without it, too.
    only_for: Option<&'static str>,
    /// Its package on this server; null where we know none.
    package: Option<&'static str>,
    debian: Option<&'static str>,
    enterprise_linux: Option<&'static str>,
}

impl Examined {
    fn of(action: &'static Action, counts: bool, family: Option<Family>) -> Self {
        let findings = action.look();
        let ready = !findings.iter().any(Finding::is_lacking);
        let tools = findings.into_iter().map(|Finding { tool, path, only_for }| ExaminedTool {
            tool: tool.name.to_owned(),
            path: path.map(Into::into),
            only_for,
            package: family.and_then(|family| tool.package(family)),
            debian: tool.debian,
            enterprise_linux: tool.enterprise,
        });
        let (action, what) = (action.name.to_owned(), action.what.to_owned());
        Self { action, what, counts, ready, tools: tools.collect() }
    }

    /// A source that a module brings. No site has to use it.
    fn of_source(source: &SourceDescription, family: Option<Family>) -> Self {
        let tools: Vec<ExaminedTool> = source
            .spec
            .needs
            .iter()
            .map(|tool| {
                let known = needs::known(tool);
                ExaminedTool {
                    tool: tool.clone(),
                    path: command::find(tool).map(Into::into),
                    only_for: None,
                    package: known.zip(family).and_then(|(known, family)| known.package(family)),
                    debian: known.and_then(|known| known.debian),
                    enterprise_linux: known.and_then(|known| known.enterprise),
                }
            })
            .collect();
        let ready = tools.iter().all(|tool| tool.path.is_some());
        let what = source.spec.help.clone();
        Self { action: format!("source {}", source.name), what, counts: false, ready, tools }
    }

    fn lacking(&self) -> impl Iterator<Item = &ExaminedTool> {
        self.tools.iter().filter(|tool| tool.path.is_none() && tool.only_for.is_none())
    }
}

impl Request for Doctor {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let family = needs::of_this_server();
        let examined: Vec<Examined> = match self.named.as_slice() {
            [] => {
                let sources = session.site.classes().sources();
                let sources = sources.iter().filter(|source| !source.spec.needs.is_empty());
                ACTIONS
                    .iter()
                    .map(|action| Examined::of(action, action.is_expected(family), family))
                    .chain(sources.map(|source| Examined::of_source(source, family)))
                    .collect()
            }
            named => named.iter().map(|action| Examined::of(action, true, family)).collect(),
        };
        session.output.document("actions", &examined, |output| table(output, &examined));
        if self.named.is_empty() {
            for left_out in session.site.classes().all_sources_left_out() {
                session.output.warn(&format!("{left_out} ({})", LeftOutSource::HINT));
            }
        }
        verdict(&examined, family)
    }
}

fn table(output: &Output, examined: &[Examined]) -> String {
    let rows = examined.iter().flat_map(|action| {
        action.tools.iter().map(|tool| {
            let found = match (&tool.path, tool.only_for, action.counts) {
                (Some(path), ..) => Field::with_style(path, CellStyle::Good),
                (None, None, true) => Field::with_style("missing", CellStyle::Bad),
                (None, ..) => Field::with_style("not here", CellStyle::Busy),
            };
            let package = tool.package.or(tool.debian).unwrap_or("-");
            let what = tool.only_for.unwrap_or(&action.what);
            vec![(&action.action).into(), (&tool.tool).into(), found, package.into(), what.into()]
        })
    });
    output.table(&["ACTION", "TOOL", "FOUND", "PACKAGE", "FOR"], rows.collect())
}

/// Whether nothing is missing that counts; with the command that installs what is.
fn verdict(examined: &[Examined], family: Option<Family>) -> Result<()> {
    let lacking: Vec<_> = examined.iter().filter(|action| action.counts && !action.ready).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lacking.iter().map(|action| action.action.as_str()).collect();
    let tools: Vec<_> = lacking.iter().flat_map(|action| action.lacking()).collect();
    let packages: BTreeSet<_> = tools.iter().filter_map(|tool| tool.package).collect();
    let packages = packages.into_iter().collect::<Vec<_>>().join(" ");
    let error = Error::failed(format!("tools are missing for: {}", names.join(", ")));
    let unknown = tools.iter().filter(|tool| tool.package.is_none());
    let unknown: BTreeSet<_> = unknown.map(|tool| tool.tool.as_str()).collect();
    Err(match family {
        _ if !unknown.is_empty() => {
            let names = unknown.into_iter().collect::<Vec<_>>().join(", ");
            error.hint(format!("no package of this distribution is known for {names}"))
        }
        Some(Family::Debian) => {
            error.hint(format!("`apt-get install --no-install-recommends {packages}` installs them"))
        }
        _ => error.hint(format!("`dnf install {packages}` installs them")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined(counts: bool, path: Option<&str>, package: Option<&'static str>) -> Examined {
        let tool = ExaminedTool {
            tool: "mksquashfs".to_owned(),
            path: path.map(str::to_owned),
            only_for: None,
            package,
            debian: Some("squashfs-tools"),
            enterprise_linux: Some("squashfs-tools"),
        };
        let (action, what) = ("livenet".to_owned(), "images".to_owned());
        Examined { action, what, counts, ready: path.is_some(), tools: vec![tool] }
    }

    #[test]
    fn what_is_missing_is_an_error_with_the_command_that_installs_it() {
        let missing = [examined(true, None, Some("squashfs-tools"))];
        let error = verdict(&missing, Some(Family::Debian)).unwrap_err();
        assert_eq!(error.message, "tools are missing for: livenet");
        let hint = error.hint.unwrap();
        assert_eq!(hint, "`apt-get install --no-install-recommends squashfs-tools` installs them");
        let error = verdict(&missing, Some(Family::Enterprise)).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("`dnf install squashfs-tools` installs them"));
        let error = verdict(&[examined(true, None, None)], None).unwrap_err();
        assert!(error.hint.unwrap().contains("no package of this distribution is known for mksquashfs"));
    }

    #[test]
    fn what_is_there_or_does_not_count_is_no_error() {
        let there = examined(true, Some("/usr/bin/mksquashfs"), None);
        verdict(&[there, examined(false, None, None)], Some(Family::Debian)).unwrap();
    }
}
