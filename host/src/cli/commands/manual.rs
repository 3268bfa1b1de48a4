//! `manual`: the man pages of this program and its modules, for those who pack and install them.

use super::{text, word};
use crate::cli::{
    manual,
    request::{Effect, Request, Session},
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::Result;

/// The word for it.
pub(crate) const NAME: &str = "manual";

pub(crate) fn command() -> Command {
    Command::new(NAME)
        .about("Print the man pages, as one JSON object: file names and texts")
        .hide(true)
        .arg(word("date", "DATE", "The day that stands on them"))
}

pub(crate) fn request(matches: &ArgMatches) -> Manual {
    Manual { date: text(matches, "date").to_owned() }
}

/// Prints all pages.
pub(crate) struct Manual {
    date: String,
}

impl Request for Manual {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let pages = manual::pages(&session.site, &self.date)?;
        session.output.data(&format!("{}\n", serde_json::json!(pages)));
        Ok(())
    }
}
