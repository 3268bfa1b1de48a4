//! `clone`: an image once more under another name.

use super::{image_name, reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    versions::VersionReference,
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("clone")
        .about("Clone an image, or one of its versions")
        .arg(word("name", "NAME[@N]", "The image, or one of its versions by number or tag"))
        .arg(word("new", "NEW", "The name of the clone"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Clone> {
    Ok(Clone { from: reference(matches, "name")?, new: image_name(matches, "new")? })
}

/// Clones an image.
pub(crate) struct Clone {
    pub(crate) from: VersionReference,
    pub(crate) new: ImageName,
}

impl Request for Clone {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let (images, source) = (session.images(), &self.from.image);
        if images.to_clean()?.contains(&self.new) {
            images.get_created_image(source)?;
        } else {
            images.check_clone(source, &self.new)?;
        }
        if self.from.version.is_some() {
            images.resolve_version(&self.from)?;
        }
        Ok(vec![format!("clone image {} as {}", self.from, self.new)])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        match self.from.version {
            Some(_) => session.images().clone_version(&self.from, &self.new)?,
            None => session.images().clone_image(&self.from.image, &self.new)?,
        }
        session.output.say(&format!("cloned image {} as {}", self.from, self.new));
        Ok(())
    }
}
