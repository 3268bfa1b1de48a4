//! `remove`: images out of service and gone.

use super::{image_names, words};
use crate::cli::request::{Effect, Request, Session};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ErrorKind, ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("remove")
        .about("Remove images")
        .arg(words("names", "NAME", "The images").required(true).num_args(1..))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Remove> {
    Ok(Remove { names: image_names(matches, "names")? })
}

/// Removes images.
pub(crate) struct Remove {
    pub(crate) names: Vec<ImageName>,
}

impl Request for Remove {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn question(&self) -> Option<String> {
        let names: Vec<&str> = self.names.iter().map(ImageName::as_str).collect();
        let images = if names.len() == 1 { "image" } else { "images" };
        Some(format!("Remove {images} {}?", names.join(", ")))
    }

    fn check_before_asking(&self, session: &Session) -> Result<()> {
        self.plan(session).map(drop)
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let to_clean = session.images().to_clean()?;
        let mut lines = Vec::new();
        for name in &self.names {
            if !to_clean.contains(name) {
                session.images().get_created_image(name)?;
                lines.push(format!("remove image {name}"));
            }
        }
        Ok(lines)
    }

    fn run(&self, session: &Session, cleaned: &[String]) -> Result<()> {
        // All or nothing as far as it can be told beforehand: a mistyped name must not stop in the middle.
        let mut left = Vec::new();
        for name in &self.names {
            match session.images().get_created_image(name) {
                Ok(_) => left.push(name),
                // It was CORRUPTED, and the cleaning did what was asked for.
                Err(error)
                    if error.kind == ErrorKind::NOT_FOUND
                        && cleaned.iter().any(|gone| gone == name.as_str()) => {}
                Err(error) => return Err(error),
            }
        }
        for name in left {
            session.images().remove(name)?;
            session.output.say(&format!("removed image {name}"));
        }
        Ok(())
    }
}
