//! `node`: the machines that boot from here.

use super::{boxed, inventory_change, node_import, node_status, text, word};
use crate::{
    cli::request::{Effect, Request, Session},
    nodes::{Inventory, ListedNode, NodeEdit, VariableName, VariableValue},
    output::{Field, Output},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{
    Error, Result,
    node_set::{NodeName, NodeSet},
};
use std::{fmt::Display, str::FromStr};

pub(crate) fn command() -> Command {
    let nodes = || word("nodes", "NODESET", "The nodes, such as c[001-100],login1");
    Command::new("node")
        .about("Manage nodes: who boots what")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("List nodes").arg(
            Arg::new("nodes").value_name("NODESET").help("The nodes, such as c[001-100] [default: all]"),
        ))
        .subcommand(Command::new("show").about("Show everything on record about a node").arg(word(
            "node",
            "NODE",
            "The node, by its name or an alias",
        )))
        .subcommand(node_status::command())
        .subcommand(set_command().arg(nodes()))
        .subcommand(node_import::command())
        .subcommand(
            Command::new("remove").about("Forget nodes").arg(nodes()).arg(
                Arg::new(IGNORE_MISSING)
                    .long(IGNORE_MISSING)
                    .action(ArgAction::SetTrue)
                    .help("Pass over nodes that are not on record"),
            ),
        )
}

/// The option by which nodes that are gone already are no error.
const IGNORE_MISSING: &str = "ignore-missing";

fn set_command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("set")
        .about("Set what is on record of nodes; those that are not there yet are made")
        .arg(
            option(
                "mac",
                "MAC",
                "The card it boots from, for one node; may be given several times; '' for none",
            )
            .action(ArgAction::Append),
        )
        .arg(option("address", "IP", "Its address, for one node; '' for none"))
        .arg(
            option("alias", "ALIAS", "Another name, for one node; may be given several times; '' for none")
                .action(ArgAction::Append),
        )
        .arg(option("pool", "POOL", "The pool; '' takes the nodes out of theirs"))
        .arg(option(
            "kernel-parameters",
            "TEXT",
            "Kernel parameters after those of image and pool; '' for none",
        ))
        .arg(
            option("var", "KEY=VALUE", "A setting of iPXE that the boot file makes; KEY= takes it away")
                .action(ArgAction::Append),
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    match matches.subcommand() {
        Some(("show", matches)) => boxed(parsed(text(matches, "node")).map(|name| ShowNode { name })),
        Some(("status", matches)) => boxed(node_status::request(matches)),
        Some(("set", matches)) => boxed(set(matches)),
        Some(("import", matches)) => boxed(node_import::request(matches)),
        Some(("remove", matches)) => {
            let ignore_missing = matches.get_flag(IGNORE_MISSING);
            boxed(nodes(matches).map(|nodes| RemoveNodes { nodes, ignore_missing }))
        }
        Some((_, matches)) => boxed(list(matches)),
        None => boxed(Ok(ListNodes { nodes: None })),
    }
}

/// A word as what it stands for; a wrong one is wrong usage.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T> {
    text.parse().map_err(|cause: T::Err| Error::usage(cause.to_string()))
}

pub(super) fn nodes(matches: &ArgMatches) -> Result<NodeSet> {
    Ok(text(matches, "nodes").parse()?)
}

fn list(matches: &ArgMatches) -> Result<ListNodes> {
    Ok(ListNodes { nodes: matches.contains_id("nodes").then(|| nodes(matches)).transpose()? })
}

fn set(matches: &ArgMatches) -> Result<SetNodes> {
    let one = |id: &str| matches.get_one::<String>(id).map(String::as_str);
    let edit = NodeEdit {
        mac: several(matches, "mac")?,
        address: one("address").map(or_none).transpose()?,
        alias: several(matches, "alias")?,
        pool: one("pool").map(or_none).transpose()?,
        kernel_parameters: one("kernel-parameters").map(parsed).transpose()?,
        variables: matches
            .get_many::<String>("var")
            .into_iter()
            .flatten()
            .map(|text| variable(text))
            .collect::<Result<_>>()?,
    };
    Ok(SetNodes { nodes: nodes(matches)?, edit })
}

/// A value; nothing for an empty text.
pub(super) fn or_none<T: FromStr<Err: Display>>(text: &str) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { parsed(text).map(Some) }
}

/// The values of an option that may be given several times; none of them for an empty text.
fn several<T: FromStr<Err: Display>>(matches: &ArgMatches, id: &str) -> Result<Option<Vec<T>>> {
    let Some(given) = matches.get_many::<String>(id) else { return Ok(None) };
    given.filter(|text| !text.is_empty()).map(|text| parsed(text)).collect::<Result<_>>().map(Some)
}

fn variable(text: &str) -> Result<(VariableName, Option<VariableValue>)> {
    match text.split_once('=') {
        Some((name, value)) => Ok((parsed(name)?, or_none(value)?)),
        None => Err(Error::usage(format!("{text:?} is no variable: it is given as KEY=VALUE"))),
    }
}

/// Lists nodes.
pub(crate) struct ListNodes {
    pub(crate) nodes: Option<NodeSet>,
}

impl Request for ListNodes {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let nodes = session.nodes().list(self.nodes.as_ref())?;
        if nodes.is_empty() {
            session.output.say("There are no nodes on record: disklessset node set --help");
        }
        session.output.document("nodes", &nodes, |output| match nodes.is_empty() {
            true => String::new(),
            false => table(output, &nodes),
        });
        Ok(())
    }
}

fn table(output: &Output, nodes: &[ListedNode]) -> String {
    let rows = nodes.iter().map(|node| {
        let macs: Vec<String> = node.mac.iter().map(ToString::to_string).collect();
        let aliases: Vec<&str> = node.alias.iter().map(NodeName::as_str).collect();
        let text = |value: Option<String>| Field::from(value.as_deref().unwrap_or("-"));
        let list = |list: String| Field::from(if list.is_empty() { "-" } else { &list });
        vec![
            Field::from(node.name.as_str()),
            list(macs.join(", ")),
            text(node.address.map(|address| address.to_string())),
            text(node.pool.as_ref().map(ToString::to_string)),
            text(node.image.as_ref().map(ToString::to_string)),
            list(aliases.join(", ")),
        ]
    });
    output.table(&["NODE", "MAC", "ADDRESS", "POOL", "IMAGE", "ALIASES"], rows.collect())
}

/// Shows a node.
struct ShowNode {
    name: NodeName,
}

impl Request for ShowNode {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let node = session.nodes().show(&self.name)?;
        let value = serde_json::to_value(&node)?;
        session.output.document("node", &node, |output| output.tree(node.name.as_str(), &value));
        Ok(())
    }
}

/// Sets what is on record of nodes.
pub(crate) struct SetNodes {
    pub(crate) nodes: NodeSet,
    pub(crate) edit: NodeEdit,
}

impl Request for SetNodes {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        inventory_change::plan(session, |inventory| self.edit.apply(inventory, &self.nodes))
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        inventory_change::run(session, "node set", |inventory| self.edit.apply(inventory, &self.nodes))
    }
}

/// Forgets nodes.
struct RemoveNodes {
    nodes: NodeSet,
    /// Whether nodes that are not on record are passed over.
    ignore_missing: bool,
}

impl RemoveNodes {
    fn edit(&self, inventory: Inventory) -> Result<Inventory> {
        if !self.ignore_missing {
            return inventory.without_nodes(&self.nodes);
        }
        let there = self.nodes.iter().filter(|name| inventory.nodes().contains_key(name)).collect();
        inventory.without_nodes(&there)
    }
}

impl Request for RemoveNodes {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn question(&self) -> Option<String> {
        let number = self.nodes.len();
        let nodes = if number == 1 { "node".to_owned() } else { format!("{number} nodes") };
        Some(format!("Remove {nodes} {}? They boot as unknown ones then.", self.nodes))
    }

    fn check_before_asking(&self, session: &Session) -> Result<()> {
        // What is ended first may be this removal.
        if session.nodes().is_unfinished() {
            return Ok(());
        }
        session.nodes().plan(|inventory| self.edit(inventory)).map(drop)
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        inventory_change::plan(session, |inventory| self.edit(inventory))
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        inventory_change::run(session, "node remove", |inventory| self.edit(inventory))
    }
}
