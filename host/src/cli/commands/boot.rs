//! `boot`: what a node boots, and why.

use super::{boxed, node::parsed, text, word};
use crate::{
    cli::request::{Effect, Request, Session},
    nodes::{PoolBoot, ShownBoot},
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{Result, node_set::NodeName};

pub(crate) fn command() -> Command {
    Command::new("boot")
        .about("Show what nodes boot")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("show").about("Show the boot file that a node gets, and why").arg(word(
            "node",
            "NODE",
            "The node, by its name or an alias",
        )))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    let node = matches.subcommand().map(|(_, matches)| text(matches, "node")).unwrap_or_default();
    boxed(parsed(node).map(|node| ShowBoot { node }))
}

/// Shows what a node boots.
pub(crate) struct ShowBoot {
    pub(crate) node: NodeName,
}

impl Request for ShowBoot {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let shown = session.nodes().boot_of(&self.node)?;
        // The files alone can be piped; why it gets them is for people.
        session.output.say(&why(&shown));
        session.output.document("boot", &shown, |_| match &shown.pool_file {
            Some(pool) => format!("{}\n{pool}", shown.file),
            None => shown.file.clone(),
        });
        Ok(())
    }
}

fn why(shown: &ShownBoot) -> String {
    let pool = match (&shown.pool, shown.is_default) {
        (Some(pool), false) => format!("is in pool {pool}"),
        (Some(pool), true) => format!("is in no pool and gets pool {pool}"),
        (None, _) if shown.image.is_some() => "has an image of its own".to_owned(),
        (None, _) => "is in no pool".to_owned(),
    };
    let gets = match (shown.boot, &shown.image, &shown.version) {
        (PoolBoot::Local, ..) => "boots its local disk".to_owned(),
        (_, None, _) => "boots nothing: it waits and tries again".to_owned(),
        (_, Some(image), Some(version)) if image.version.is_none() => {
            format!("boots {image}, whose current version is {version}")
        }
        (_, Some(_), Some(version)) => format!("boots {version}"),
        (_, Some(image), None) => format!("boots {image}"),
    };
    format!("Node {} {pool}: it {gets}.", shown.node)
}
