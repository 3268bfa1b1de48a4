//! `remove`: images out of service and gone.

use super::{boxed, words};
use crate::{
    cli::request::{Effect, Request, Session},
    versions::VersionReference,
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("remove").about("Remove images with all their versions, or single versions").arg(
        words("names", "NAME[@N]", "The images, or versions by number or tag").required(true).num_args(1..),
    )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    let named = matches.get_many::<String>("names").into_iter().flatten();
    let named: Vec<VersionReference> = named.map(|text| text.parse()).collect::<Result<_>>()?;
    if named.iter().all(|one| one.version.is_none()) {
        return boxed(Ok(Remove { names: named.into_iter().map(|one| one.image).collect() }));
    }
    if named.iter().any(|one| one.version.is_none()) {
        return Err(Error::usage("images and single versions are removed by commands of their own"));
    }
    boxed(Ok(RemoveVersions { versions: named }))
}

/// Removes single versions.
pub(crate) struct RemoveVersions {
    pub(crate) versions: Vec<VersionReference>,
}

impl Request for RemoveVersions {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn question(&self) -> Option<String> {
        let versions: Vec<String> = self.versions.iter().map(ToString::to_string).collect();
        Some(format!("Remove {}? A node that is fetching it does not come up.", versions.join(", ")))
    }

    fn check_before_asking(&self, session: &Session) -> Result<()> {
        // What is cleaned first may be this removal.
        let to_clean = session.images().to_clean()?;
        let mut certain = self.versions.iter().filter(|version| !to_clean.contains(&version.image));
        certain.try_for_each(|version| session.images().check_remove_version(version).map(drop))
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let version = |version| session.images().check_remove_version(version);
        self.versions.iter().map(|one| Ok(format!("remove {}", version(one)?))).collect()
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        self.plan(session)?;
        for version in &self.versions {
            let removed = session.images().remove_version(version)?;
            session.output.say(&format!("removed {removed}"));
        }
        Ok(())
    }
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
                session.images().check_remove(name)?;
                let versions = session.images().number_of_versions(name)?;
                let with =
                    if versions > 1 { format!(" with its {versions} versions") } else { String::new() };
                lines.push(format!("remove image {name}{with}"));
            }
        }
        Ok(lines)
    }

    fn run(&self, session: &Session, cleaned: &[String]) -> Result<()> {
        // All or nothing as far as it can be told beforehand: a mistyped name must not stop in the middle.
        let mut left = Vec::new();
        for name in &self.names {
            match session.images().check_remove(name) {
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
