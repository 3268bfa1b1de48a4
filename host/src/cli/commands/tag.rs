//! `tag`: names that people give to versions.

use super::{text, word};
use crate::{
    cli::request::{Effect, Request, Session},
    versions::VersionReference,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_oci::names::Tag;
use disklessset_plugin_api::{Error, Result};

pub(crate) fn command() -> Command {
    Command::new("tag")
        .about("Give a version of an image a name, or take it away; a version with a tag is not pruned")
        .arg(word(
            "name",
            "NAME[@N]",
            "The image, and a number or tag of a version [default: the current one]",
        ))
        .arg(word("tag", "TAG", "The tag: letters, digits, _ . and -, not only digits"))
        .arg(Arg::new("delete").long("delete").action(ArgAction::SetTrue).help("Take the tag away"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<TagVersion> {
    let version = super::reference(matches, "name")?;
    let delete = matches.get_flag("delete");
    if delete && version.version.is_some() {
        return Err(Error::usage("--delete takes the name of the image alone: a tag has one version"));
    }
    let tag = text(matches, "tag").parse().map_err(crate::failure::usage)?;
    Ok(TagVersion { version, tag, delete })
}

/// Gives a version a tag, or takes one away.
pub(crate) struct TagVersion {
    pub(crate) version: VersionReference,
    pub(crate) tag: Tag,
    /// Whether the tag is taken away.
    pub(crate) delete: bool,
}

impl Request for TagVersion {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let (images, tag) = (session.images(), &self.tag);
        if self.delete {
            images.check_untag(&self.version.image, tag)?;
            return Ok(vec![format!("take the tag {tag} from image {}", self.version.image)]);
        }
        Ok(vec![format!("give {} the tag {tag}", images.resolve_version(&self.version)?)])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let (images, tag) = (session.images(), &self.tag);
        if self.delete {
            images.untag(&self.version.image, tag)?;
            session.output.say(&format!("took the tag {tag} from image {}", self.version.image));
            return Ok(());
        }
        let version = images.tag(&self.version, tag)?;
        session.output.say(&format!("gave {version} the tag {tag}"));
        Ok(())
    }
}
