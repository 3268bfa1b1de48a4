//! `assign`: an image for nodes that are in no pool.

use super::{inventory_change, node::nodes, reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    versions::VersionReference,
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{Result, node_set::NodeSet};

pub(crate) fn command() -> Command {
    Command::new("assign")
        .about("Give an image to nodes that are in no pool")
        .arg(word("image", "IMAGE[@N|@TAG]", "The image; without a version, always its current one"))
        .arg(word("nodes", "NODESET", "The nodes; those that are not there yet are made"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Assign> {
    Ok(Assign { image: reference(matches, "image")?, nodes: nodes(matches)? })
}

/// Gives an image to nodes.
pub(crate) struct Assign {
    image: VersionReference,
    nodes: NodeSet,
}

impl Request for Assign {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        inventory_change::plan(session, |inventory| inventory.with_image(&self.image, &self.nodes))
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        inventory_change::run(session, "assign", |inventory| inventory.with_image(&self.image, &self.nodes))
    }
}
