//! `clear`: the last resort for an image that nothing else gets rid of.

use super::{image_name, word};
use crate::cli::request::{Effect, Request, Session};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ErrorKind, ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("clear")
        .about("Remove an image and its records, whatever its state (use only as a last resort)")
        .arg(word("name", "NAME", "The image"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Clear> {
    Ok(Clear { name: image_name(matches, "name")? })
}

/// Clears an image.
pub(crate) struct Clear {
    pub(crate) name: ImageName,
}

impl Clear {
    /// Whether there is nothing of that name. Like a cleaning, a clearing that finds nothing has what it is for: whoever repeats one
    /// that was stopped may come too late.
    ///
    /// # Errors
    /// When it cannot be told.
    fn is_gone(&self, session: &Session) -> Result<bool> {
        match session.images().must_be_known(&self.name) {
            Err(error) if error.kind == ErrorKind::NOT_FOUND => Ok(true),
            known => known.map(|()| false),
        }
    }
}

impl Request for Clear {
    fn effect(&self) -> Effect {
        Effect::ChangesSparing(self.name.clone())
    }

    fn question(&self) -> Option<String> {
        Some(format!("Remove all that is known of image {}, whatever its state?", self.name))
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        // Told even of an image that cannot be shown: that is what clearing is for.
        match session.images().show(&self.name) {
            Ok(image) => {
                Ok(vec![format!("remove all that is known of image {} ({})", self.name, image.listed.status)])
            }
            Err(_) if self.is_gone(session)? => Ok(Vec::new()),
            Err(_) => Ok(vec![format!("remove all that is known of image {}", self.name)]),
        }
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        if self.is_gone(session)? {
            session.output.say(&format!("There is nothing of image {}: nothing was cleared.", self.name));
            return Ok(());
        }
        session.images().clear(&self.name)?;
        session.output.say(&format!("cleared image {}", self.name));
        Ok(())
    }
}
