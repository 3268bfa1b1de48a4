//! `show`: one image, or one of its versions, with all that is known of it.

use super::{boxed, reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    versions::VersionReference,
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("show").about("Show everything on record about an image, or one of its versions").arg(word(
        "name",
        "NAME[@N]",
        "The image, or one of its versions by number or tag",
    ))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    let named = reference(matches, "name")?;
    match named.version {
        Some(_) => boxed(Ok(ShowVersion { version: named })),
        None => boxed(Ok(Show { name: named.image })),
    }
}

/// Shows a version.
struct ShowVersion {
    version: VersionReference,
}

impl Request for ShowVersion {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let version = session.images().show_version(&self.version)?;
        let mut value = serde_json::to_value(&version)?;
        session.output.document("version", &version, |output| {
            if let Some(map) = value.as_object_mut() {
                map.retain(|_, value| !value.is_null());
            }
            output.tree(&format!("{}@{}", version.listed.image, version.listed.number), &value)
        });
        Ok(())
    }
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
