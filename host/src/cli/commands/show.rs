//! `show`: one image, or one of its versions, with all that is known of it.

use super::{boxed, reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    versions::VersionReference,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{Error, ImageName, Result};

/// The option that shows the definition of an image.
const AS_FILE: &str = "as-file";

pub(crate) fn command() -> Command {
    Command::new("show")
        .about("Show everything on record about an image, or one of its versions")
        .arg(word("name", "NAME[@N]", "The image, or one of its versions by number or tag"))
        .arg(
            Arg::new(AS_FILE)
                .long(AS_FILE)
                .action(ArgAction::SetTrue)
                .help("Print the definition of the image, as `create --from` takes it"),
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    let named = reference(matches, "name")?;
    match named.version {
        Some(_) if matches.get_flag(AS_FILE) => {
            Err(Error::usage(format!("--{AS_FILE} is about an image, not about one of its versions")))
        }
        None if matches.get_flag(AS_FILE) => boxed(Ok(ShowAsFile { name: named.image })),
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

/// Shows the definition of an image.
struct ShowAsFile {
    name: ImageName,
}

impl Request for ShowAsFile {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        session.output.foreign(&session.images().definition_as_file(&self.name)?);
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
