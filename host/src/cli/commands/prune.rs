//! `prune`: versions that nobody needs go.

use super::{image_names, words};
use crate::{
    ImageStatus,
    cli::request::{Effect, Request, Session},
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("prune")
        .about("Remove versions that nobody needs")
        .long_about(
            "Remove versions that nobody needs.\n\nKept are the newest ones (keep_versions in the configuration, 3 unless set), the \
             current one, those with a tag, and those that nodes got within the last hour.",
        )
        .arg(words("names", "NAME", "Images to prune [default: all]"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Prune> {
    Ok(Prune { names: image_names(matches, "names")? })
}

/// Removes versions that nobody needs.
pub(crate) struct Prune {
    names: Vec<ImageName>,
}

impl Prune {
    fn images(&self, session: &Session) -> Result<Vec<ImageName>> {
        if !self.names.is_empty() {
            self.names.iter().try_for_each(|name| session.images().get_created_image(name).map(drop))?;
            return Ok(self.names.clone());
        }
        let all = session.images().list()?;
        let created = all.into_iter().filter(|image| image.status == ImageStatus::Created);
        Ok(created.filter_map(|image| ImageName::parse(&image.name).ok()).collect())
    }
}

impl Request for Prune {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for name in self.images(session)? {
            lines.extend(session.images().prunable(&name)?.iter().map(|version| format!("remove {version}")));
        }
        Ok(lines)
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let mut removed = 0;
        for name in self.images(session)? {
            for version in session.images().prune(&name)? {
                session.output.say(&format!("removed {version}"));
                removed += 1;
            }
        }
        if removed == 0 {
            session.output.say("There is nothing to prune.");
        }
        Ok(())
    }
}
