//! `show`: one image with all that is known of it.

use super::{image_name, word};
use crate::cli::request::{Effect, Request, Session};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("show").about("Show everything on record about an image").arg(word(
        "name",
        "NAME",
        "The image",
    ))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Show> {
    Ok(Show { name: image_name(matches, "name")? })
}

/// Shows an image.
pub(crate) struct Show {
    pub(crate) name: ImageName,
}

impl Request for Show {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let image = session.images().show(&self.name)?;
        let mut value = serde_json::to_value(&image)?;
        session.output.document("image", &image, |output| {
            if let Some(map) = value.as_object_mut() {
                map.remove("name");
                map.retain(|_, value| !value.is_null());
            }
            output.tree(self.name.as_str(), &value)
        });
        Ok(())
    }
}
