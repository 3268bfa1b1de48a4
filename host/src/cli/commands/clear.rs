//! `clear`: the last resort for an image that nothing else gets rid of.

use super::{image_name, word};
use crate::cli::request::{Effect, Request, Session};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("clear")
        .about("Remove all that is known of an image, whatever its state (use only as a last resort)")
        .arg(word("name", "NAME", "The image"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Clear> {
    Ok(Clear { name: image_name(matches, "name")? })
}

/// Clears an image.
pub(crate) struct Clear {
    pub(crate) name: ImageName,
}

impl Request for Clear {
    fn effect(&self) -> Effect {
        Effect::ChangesSparing(self.name.clone())
    }

    fn question(&self) -> Option<String> {
        Some(format!("Remove all that is known of image {}, whatever its state?", self.name))
    }

    fn check_before_asking(&self, session: &Session) -> Result<()> {
        session.images().must_be_known(&self.name)
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        // Told even of an image that cannot be shown: that is what clearing is for.
        match session.images().show(&self.name) {
            Ok(image) => {
                Ok(vec![format!("remove all that is known of image {} ({})", self.name, image.listed.status)])
            }
            Err(_) => {
                session.images().must_be_known(&self.name)?;
                Ok(vec![format!("remove all that is known of image {}", self.name)])
            }
        }
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        session.images().clear(&self.name)?;
        session.output.say(&format!("cleared image {}", self.name));
        Ok(())
    }
}
