//! `mirror`: this server has what repositories of a registry have.

use super::{registry_options, words};
use crate::{
    cli::request::{Effect, Request, Session},
    mirror::{MirrorManager, Upstream},
    registry::{Connection, Repository},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_oci::names::RegistryReference;
use disklessset_plugin_api::{Error, Result};
use disklessset_system::bytes::Bytes;

pub(crate) fn command() -> Command {
    Command::new("mirror")
        .about("Have this server serve what repositories of a registry have")
        .long_about(
            "Have this server serve what repositories of a registry have: all versions of their images, and the same ones current.\n\n\
             All images move at once, by one rename. Until then, and when anything fails, nodes get what they got. A version that no tag \
             of the registry names any more goes an hour later. The server has no images of its own, and changes none.",
        )
        .arg(words(
            "repositories",
            "REGISTRY/REPOSITORY",
            "Repositories, each with the versions of one image [default: `mirror` in the configuration, else those of the last run]",
        ))
        .arg(
            Arg::new("end")
                .long("end")
                .action(ArgAction::SetTrue)
                .conflicts_with("repositories")
                .help("End the mirror: its images and versions go"),
        )
        .args(registry_options::options())
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Mirror> {
    let given = matches.get_many::<String>("repositories").into_iter().flatten();
    let repositories: std::result::Result<Vec<RegistryReference>, _> =
        given.map(|text| text.parse()).collect();
    Ok(Mirror {
        repositories: repositories.map_err(crate::failure::usage)?,
        connection: registry_options::connection(matches)?,
        end: matches.get_flag("end"),
    })
}

/// Brings repositories, or ends the mirror.
pub(crate) struct Mirror {
    pub(crate) repositories: Vec<RegistryReference>,
    pub(crate) connection: Connection,
    pub(crate) end: bool,
}

impl Mirror {
    fn upstreams(&self, session: &Session) -> Result<Vec<Repository>> {
        let configuration = session.site.configuration();
        let mut addresses = self.repositories.clone();
        if addresses.is_empty() {
            addresses = configuration.mirror();
        }
        if addresses.is_empty()
            && let Some(state) = MirrorManager::new(&session.site).state()?
        {
            let known: std::result::Result<_, _> =
                state.repositories.iter().map(|text| text.parse()).collect();
            addresses = known.map_err(crate::failure::usage)?;
        }
        if addresses.is_empty() {
            return Err(Error::usage("no repository is named, and the configuration has none")
                .hint("disklessset mirror REGISTRY/REPOSITORY…, or `mirror: [REGISTRY/REPOSITORY]` in the configuration"));
        }
        if let Some(twice) = (1..addresses.len()).find(|at| addresses[..*at].contains(&addresses[*at])) {
            return Err(Error::usage(format!("{} is named twice", addresses[twice])));
        }
        let connection = self.connection.clone().and_of_site(&configuration.registries);
        addresses.iter().map(|address| Repository::connect(&connection, address)).collect()
    }
}

fn as_upstreams(repositories: &[Repository]) -> Vec<&dyn Upstream> {
    repositories.iter().map(|repository| repository as &dyn Upstream).collect()
}

impl Request for Mirror {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn is_for_mirrors(&self) -> bool {
        true
    }

    fn question(&self) -> Option<String> {
        self.end.then(|| "End the mirror? Nodes get none of its images any more.".to_owned())
    }

    fn check_before_asking(&self, session: &Session) -> Result<()> {
        match MirrorManager::new(&session.site).state()? {
            Some(_) => Ok(()),
            None => Err(Error::refused("this server is no mirror")),
        }
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        if self.end {
            self.check_before_asking(session)?;
            return Ok(vec!["end the mirror, and remove its images and versions".to_owned()]);
        }
        MirrorManager::new(&session.site).plan(&as_upstreams(&self.upstreams(session)?))
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let manager = MirrorManager::new(&session.site);
        if self.end {
            manager.end()?;
            session.output.say("The mirror has ended.");
            return Ok(());
        }
        let brought = manager.bring(&as_upstreams(&self.upstreams(session)?))?;
        session.output.end_progress();
        for name in &brought.changed {
            session.output.say(&format!("changed image {name}"));
        }
        session.output.say(&format!(
            "{} images with {} versions, {} fetched",
            brought.images,
            brought.versions,
            Bytes(brought.fetched)
        ));
        Ok(())
    }
}
