//! `clone`: an image once more under another name.

use super::{image_name, word};
use crate::cli::request::{Effect, Request, Session};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("clone").about("Clone an image").arg(word("name", "NAME", "The image")).arg(word(
        "new",
        "NEW",
        "The name of the clone",
    ))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Clone> {
    Ok(Clone { name: image_name(matches, "name")?, new: image_name(matches, "new")? })
}

/// Clones an image.
pub(crate) struct Clone {
    pub(crate) name: ImageName,
    pub(crate) new: ImageName,
}

impl Request for Clone {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let images = session.images();
        if images.to_clean()?.contains(&self.new) {
            images.get_created_image(&self.name)?;
        } else {
            images.check_clone(&self.name, &self.new)?;
        }
        Ok(vec![format!("clone image {} as {}", self.name, self.new)])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        session.images().clone_image(&self.name, &self.new)?;
        session.output.say(&format!("cloned image {} as {}", self.name, self.new));
        Ok(())
    }
}
