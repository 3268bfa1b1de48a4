//! `release` and `rollback`: which version of an image nodes get.

use super::{reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    versions::VersionReference,
};
use clap::{Arg, ArgMatches, Command};
use disklessset_plugin_api::{Error, Result};

/// Where a version comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Release,
    Rollback,
}

pub(crate) fn release_command() -> Command {
    Command::new("release").about("Have nodes get a version of an image from now on").arg(word(
        "name",
        "NAME[@N]",
        "The image, and a number or tag of a version [default: the newest]",
    ))
}

pub(crate) fn rollback_command() -> Command {
    Command::new("rollback")
        .about("Have nodes get an older version of an image again")
        .arg(word("name", "NAME[@N]", "The image"))
        .arg(Arg::new("version").value_name("N").help("The version [default: the one that nodes got before]"))
}

pub(crate) fn request(way: Way, matches: &ArgMatches) -> Result<Release> {
    let mut version = reference(matches, "name")?;
    let separate = match way {
        Way::Release => None,
        Way::Rollback => matches.get_one::<String>("version"),
    };
    if let Some(word) = separate {
        if version.version.is_some() {
            return Err(Error::usage(format!("{version} names a version already, and {word} another one")));
        }
        version.version = Some(word.parse()?);
    }
    Ok(Release { way, version })
}

/// Makes a version the one that nodes get.
pub(crate) struct Release {
    pub(crate) way: Way,
    pub(crate) version: VersionReference,
}

impl Request for Release {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let images = session.images();
        let version = match self.way {
            Way::Release => images.check_release(&self.version)?,
            Way::Rollback => images.check_rollback(&self.version)?,
        };
        Ok(vec![format!("have nodes get {version}")])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let images = session.images();
        let version = match self.way {
            Way::Release => images.release(&self.version)?,
            Way::Rollback => images.rollback(&self.version)?,
        };
        session.output.say(&format!("nodes that boot image {} now get {version}", self.version.image));
        Ok(())
    }
}
