//! `node status`: what nodes do, as the boot server saw it.

use super::{node, serve::kept_file};
use crate::{
    cli::request::{Effect, Request, Session},
    output::{CellStyle, Field, Output},
    status::{self, KeepError, NodeLine, Overview, Reboot, SiteFiles, Stage, Watch},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{Error, Result, node_set::NodeSet};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(crate) fn command() -> Command {
    Command::new("status")
        .about("Show what nodes boot and run, as the boot server saw it")
        .long_about(
            "Show what nodes boot and run, as the boot server saw it: how far each has come, which version it runs, and whether it needs a \
             reboot to run what it is to run.\n\n\
             disklessset serve sees what nodes fetch, and images made here report once when they are up. Behind a cache, or with another \
             web server, less is seen: a node that was not seen has not failed.",
        )
        .arg(Arg::new("nodes").value_name("NODESET").help("The nodes, such as c[001-100] [default: all]"))
        .arg(
            Arg::new("unknown")
                .long("unknown")
                .action(ArgAction::SetTrue)
                .conflicts_with("nodes")
                .help("Show the machines that asked for a boot file and are no node on record"),
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<NodeStatus> {
    let nodes = matches.contains_id("nodes").then(|| node::nodes(matches)).transpose()?;
    Ok(NodeStatus { nodes, unknown: matches.get_flag("unknown") })
}

/// Shows what was seen.
pub(crate) struct NodeStatus {
    pub(crate) nodes: Option<NodeSet>,
    pub(crate) unknown: bool,
}

impl Request for NodeStatus {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let overview = overview(session)?;
        match self.unknown {
            true => show_unknown(&session.output, &overview),
            false => self.show_nodes(session, overview)?,
        }
        Ok(())
    }
}

fn overview(session: &Session) -> Result<Overview> {
    let layout = session.site.layout();
    let file = kept_file(layout);
    let kept = status::read(&file).map_err(of_kept)?;
    if !file.exists() {
        session.output.say(
            "No boot server of ours has seen a node here: systemctl enable --now disklessset-serve.socket, or disklessset serve",
        );
    }
    let known = SiteFiles::of(layout.clone()).read()?;
    Ok(Overview::new(&Watch::new(kept), &known, Timestamp::now()))
}

fn of_kept(error: KeepError) -> Error {
    Error::failed(error.to_string())
}

impl NodeStatus {
    fn show_nodes(&self, session: &Session, overview: Overview) -> Result<()> {
        if let Some(wanted) = &self.nodes {
            // A name that is nobody's is an error, as for every command.
            let _ = session.nodes().list(Some(wanted))?;
        }
        let is_wanted = |line: &NodeLine| {
            let wanted = self.nodes.as_ref();
            wanted.is_none_or(|wanted| wanted.iter().any(|name| name.as_str() == line.node))
        };
        let at = overview.at;
        let lines: Vec<NodeLine> = overview.nodes.into_iter().filter(is_wanted).collect();
        let values: Vec<Value> = lines.iter().map(NodeLine::to_json).collect();
        session.output.document("nodes", &values, |output| match lines.is_empty() {
            true => String::new(),
            false => table(output, &lines, at),
        });
        Ok(())
    }
}

fn table(output: &Output, lines: &[NodeLine], now: Timestamp) -> String {
    let text = |value: Option<&str>| Field::from(value.unwrap_or("-"));
    let ago = |at: Option<Timestamp>| Field::from(at.map_or_else(|| "-".to_owned(), |at| age(now, at)));
    let rows = lines.iter().map(|line| {
        vec![
            Field::from(line.node.as_str()),
            text(line.pool.as_deref()),
            Field::with_style(line.stage_words(), style(line.stage)),
            ago(line.since),
            text(line.version.as_deref()),
            text(line.assigned.as_deref()),
            reboot(line.reboot),
            ago(line.last_seen),
        ]
    });
    let heading = ["NODE", "POOL", "STAGE", "SINCE", "VERSION", "IS TO BOOT", "REBOOT", "SEEN"];
    output.table(&heading, rows.collect())
}

fn style(stage: Option<Stage>) -> CellStyle {
    match stage {
        Some(Stage::Running) => CellStyle::Good,
        Some(Stage::RootCutShort) => CellStyle::Bad,
        Some(_) => CellStyle::Busy,
        None => CellStyle::Plain,
    }
}

fn reboot(reboot: Reboot) -> Field {
    match reboot {
        Reboot::Needed => Field::with_style("needed", CellStyle::Busy),
        Reboot::NotNeeded => Field::from("no"),
        Reboot::Unknown => Field::from("-"),
    }
}

/// How long ago, in the largest unit of which there is one.
fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).max(SignedDuration::ZERO).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn show_unknown(output: &Output, overview: &Overview) {
    let all = overview.to_json();
    let machines = all.get("unknown").cloned().unwrap_or_default();
    output.document("unknown", &machines, |output| {
        let rows = overview.unknown.iter().map(|(mac, machine)| {
            vec![
                Field::from(mac.replace('-', ":")),
                Field::from(machine.address.to_string()),
                Field::from(age(overview.at, machine.first_seen)),
                Field::from(age(overview.at, machine.last_seen)),
            ]
        });
        match overview.unknown.is_empty() {
            true => String::new(),
            false => output.table(&["MAC", "ADDRESS", "FIRST SEEN", "SEEN"], rows.collect()),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_one_unit() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 - second).unwrap();
        for (second, text) in [
            (-5, "0 s"),
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(age(at(0), at(second)), text);
        }
    }
}
