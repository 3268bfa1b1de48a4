//! `mirror`: this server has what repositories of a registry have.

use super::{registry_options, words};
use crate::{
    cli::request::{Effect, Request, Session},
    mirror::{MirrorManager, PoolSource, Sources, Upstream},
    registry::{Connection, PoolRepository, Repository},
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
             of the registry names any more goes an hour later. The server has no images of its own, and changes none.\n\n\
             Nodes and pools come after their images, where `push --pools` of the other server put them. Boot files are made of them here.",
        )
        .arg(words(
            "repositories",
            "REGISTRY/REPOSITORY",
            "Repositories, each with the versions of one image [default: `mirror` in the configuration, else those of the last run]",
        ))
        .arg(
            Arg::new("pools")
                .long("pools")
                .value_name("REGISTRY/REPOSITORY[:TAG]")
                .help("Have the nodes and pools that were pushed there, too [default: `mirror_pools` in the configuration, else those of the last run]"),
        )
        .arg(
            Arg::new("no-pools")
                .long("no-pools")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["pools", "end"])
                .help("Have no nodes and pools of another server any more"),
        )
        .arg(
            Arg::new("end")
                .long("end")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["repositories", "pools"])
                .help("End the mirror: its images, versions and nodes go"),
        )
        .args(registry_options::options())
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Mirror> {
    let given = matches.get_many::<String>("repositories").into_iter().flatten();
    let repositories: std::result::Result<Vec<RegistryReference>, _> =
        given.map(|text| text.parse()).collect();
    let pools = match matches.contains_id("pools") {
        true => PoolsOf::There(registry_options::address(matches, "pools")?),
        false if matches.get_flag("no-pools") => PoolsOf::Nobody,
        false => PoolsOf::AsBefore,
    };
    Ok(Mirror {
        repositories: repositories.map_err(crate::failure::usage)?,
        pools,
        connection: registry_options::connection(matches)?,
        end: matches.get_flag("end"),
    })
}

/// Whose nodes and pools a mirror is to have.
pub(crate) enum PoolsOf {
    /// Those that were pushed there.
    There(RegistryReference),
    /// Those that the configuration names, else those of the last run, if any.
    AsBefore,
    /// None, and those of the last run go.
    Nobody,
}

/// Brings repositories, or ends the mirror.
pub(crate) struct Mirror {
    pub(crate) repositories: Vec<RegistryReference>,
    pub(crate) pools: PoolsOf,
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
        let connection = self.connection(session);
        addresses.iter().map(|address| Repository::connect(&connection, address)).collect()
    }

    fn pools(&self, session: &Session) -> Result<Option<PoolRepository>> {
        let address = match &self.pools {
            PoolsOf::There(address) => Some(address.clone()),
            PoolsOf::Nobody => None,
            PoolsOf::AsBefore => match session.site.configuration().mirror_pools() {
                Some(address) => Some(address),
                None => {
                    let state = MirrorManager::new(&session.site).state()?;
                    let known = state.and_then(|state| state.pools);
                    known.map(|pools| pools.repository.parse()).transpose().map_err(crate::failure::usage)?
                }
            },
        };
        address.map(|address| PoolRepository::connect(&self.connection(session), &address)).transpose()
    }

    fn connection(&self, session: &Session) -> Connection {
        self.connection.clone().and_of_site(&session.site.configuration().registries)
    }

    /// Has something be done with all that it brings.
    fn with_sources<T>(
        &self,
        session: &Session,
        act: impl FnOnce(&MirrorManager<'_>, Sources<'_>) -> Result<T>,
    ) -> Result<T> {
        let (repositories, pools) = (self.upstreams(session)?, self.pools(session)?);
        let images: Vec<&dyn Upstream> =
            repositories.iter().map(|repository| repository as &dyn Upstream).collect();
        let pools = pools.as_ref().map(|pools| pools as &dyn PoolSource);
        act(&MirrorManager::new(&session.site), Sources { images: &images, pools })
    }
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
            return Ok(vec!["end the mirror, and remove its images, versions and nodes".to_owned()]);
        }
        self.with_sources(session, |manager, sources| manager.plan(sources))
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        if self.end {
            MirrorManager::new(&session.site).end()?;
            session.output.say("The mirror has ended.");
            return Ok(());
        }
        let brought = self.with_sources(session, |manager, sources| manager.bring(sources))?;
        session.output.end_progress();
        for name in &brought.changed {
            session.output.say(&format!("changed image {name}"));
        }
        brought.pools.iter().for_each(|line| session.output.say(line));
        session.output.say(&format!(
            "{} images with {} versions, {} fetched",
            brought.images,
            brought.versions,
            Bytes(brought.fetched)
        ));
        Ok(())
    }
}
