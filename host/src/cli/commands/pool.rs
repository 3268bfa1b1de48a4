//! `pool`: nodes that get the same.

use super::{
    boxed, inventory_change,
    node::{or_none, parsed},
    text, word,
};
use crate::{
    cli::request::{Effect, Request, Session},
    nodes::{ListedPool, PoolBoot, PoolEdit, PoolName},
    output::{Field, Output},
};
use clap::{Arg, ArgMatches, Command};
use disklessset_plugin_api::Result;

pub(crate) fn command() -> Command {
    let pool = || word("pool", "POOL", "The pool");
    Command::new("pool")
        .about("Manage pools: nodes that get the same image")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("List pools"))
        .subcommand(Command::new("show").about("Show everything on record about a pool").arg(pool()))
        .subcommand(set_command().arg(pool()))
        .subcommand(Command::new("remove").about("Remove a pool that has no nodes").arg(pool()))
}

fn set_command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("set")
        .about("Set what the nodes of a pool get; a pool that is not there yet is made")
        .arg(option(
            "image",
            "NAME[@N|@TAG]",
            "The image; NAME alone follows its current version; '' for none",
        ))
        .arg(option("nodes", "NODESET", "Add these nodes; one that is in another pool is moved"))
        .arg(
            option("boot", "WHERE", "Boot the image, or the node's own disk")
                .value_parser(["image", "local"]),
        )
        .arg(
            option(
                "bootif",
                "yes|no",
                "Put BOOTIF= on the kernel line, with the card that the node boots from",
            )
            .value_parser(["yes", "no"]),
        )
        .arg(option("kernel-parameters", "TEXT", "Kernel parameters after those of the image; '' for none"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    let name = |matches| parsed(text(matches, "pool"));
    match matches.subcommand() {
        Some(("show", matches)) => boxed(name(matches).map(|name| ShowPool { name })),
        Some(("set", matches)) => boxed(set(matches)),
        Some(("remove", matches)) => boxed(name(matches).map(|name| RemovePool { name })),
        _ => boxed(Ok(ListPools)),
    }
}

fn set(matches: &ArgMatches) -> Result<SetPool> {
    let one = |id: &str| matches.get_one::<String>(id).map(String::as_str);
    let boot = one("boot").map(|word| if word == "local" { PoolBoot::Local } else { PoolBoot::Image });
    let edit = PoolEdit {
        image: one("image").map(or_none).transpose()?,
        nodes: one("nodes").map(|text| text.parse()).transpose()?,
        boot,
        bootif: one("bootif").map(|word| word == "yes"),
        kernel_parameters: one("kernel-parameters").map(parsed).transpose()?,
    };
    Ok(SetPool { name: parsed(text(matches, "pool"))?, edit })
}

/// Lists the pools.
pub(crate) struct ListPools;

impl Request for ListPools {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let pools = session.nodes().pools()?;
        if pools.is_empty() {
            session.output.say("There are no pools: disklessset pool set --help");
        }
        session.output.document("pools", &pools, |output| match pools.is_empty() {
            true => String::new(),
            false => table(output, &pools),
        });
        Ok(())
    }
}

fn table(output: &Output, pools: &[ListedPool]) -> String {
    let rows = pools.iter().map(|pool| {
        let image = match (&pool.image, pool.boot) {
            (_, PoolBoot::Local) => "(local disk)".to_owned(),
            (Some(image), PoolBoot::Image) => image.to_string(),
            (None, PoolBoot::Image) => "-".to_owned(),
        };
        let nodes = if pool.node_count == 0 { "-".to_owned() } else { pool.nodes.to_string() };
        vec![
            Field::from(pool.name.as_str()),
            Field::from(&image),
            Field::from(&pool.node_count.to_string()),
            Field::from(&nodes),
        ]
    });
    output.table(&["POOL", "IMAGE", "COUNT", "NODES"], rows.collect())
}

/// Shows a pool.
struct ShowPool {
    name: PoolName,
}

impl Request for ShowPool {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let pool = session.nodes().show_pool(&self.name)?;
        let value = serde_json::to_value(&pool)?;
        session.output.document("pool", &pool, |output| output.tree(pool.name.as_str(), &value));
        Ok(())
    }
}

/// Sets what the nodes of a pool get.
pub(crate) struct SetPool {
    pub(crate) name: PoolName,
    pub(crate) edit: PoolEdit,
}

impl Request for SetPool {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        inventory_change::plan(session, |inventory| self.edit.apply(inventory, &self.name))
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        inventory_change::run(session, "pool set", |inventory| self.edit.apply(inventory, &self.name))
    }
}

/// Removes a pool.
pub(crate) struct RemovePool {
    pub(crate) name: PoolName,
}

impl Request for RemovePool {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn question(&self) -> Option<String> {
        Some(format!("Remove pool {}?", self.name))
    }

    fn check_before_asking(&self, session: &Session) -> Result<()> {
        // What is ended first may be this removal.
        if session.nodes().is_unfinished() {
            return Ok(());
        }
        session.nodes().plan(|inventory| inventory.without_pool(&self.name)).map(drop)
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        inventory_change::plan(session, |inventory| inventory.without_pool(&self.name))
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        inventory_change::run(session, "pool remove", |inventory| inventory.without_pool(&self.name))
    }
}
