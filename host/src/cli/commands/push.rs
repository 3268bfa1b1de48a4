//! `push`: a version goes to a registry, or the nodes and pools do.

use super::{boxed, registry_options, word};
use crate::{
    cli::request::{Effect, Request, Session},
    registry::{Connection, Push, PushPools, Pushed, PushedPools, Tree},
    versions::VersionReference,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_oci::names::RegistryReference;
use disklessset_plugin_api::Result;
use disklessset_system::bytes::Bytes;

pub(crate) fn command() -> Command {
    Command::new("push")
        .about("Send a version of an image, or the nodes and pools, to a registry")
        .long_about(
            "Send a version of an image to a registry.\n\nIt gets the tag vN there, N being its number here, and the tag current when nodes \
             get it. Files that are there are not sent again. Logins are those of podman login, skopeo login and docker login.\n\n\
             With --pools the nodes and pools go there, for other boot servers: their images are pushed by themselves.",
        )
        .arg(
            word("name", "NAME[@N]", "The image, and a number or tag of a version [default: the current one]")
                .required(false)
                .required_unless_present("pools"),
        )
        .arg(
            word("to", "REGISTRY/REPOSITORY[:TAG]", "Where to, and one more tag that it gets there")
                .required(false)
                .required_unless_present("pools"),
        )
        .arg(
            Arg::new("pools")
                .long("pools")
                .value_name("REGISTRY/REPOSITORY[:TAG]")
                .conflicts_with_all(["name", "to", "with-tree"])
                .help("Send the nodes and pools there instead; the tag is pools unless another one is named"),
        )
        .arg(
            Arg::new("with-tree")
                .long("with-tree")
                .action(ArgAction::SetTrue)
                .help("Send the OS tree of an NFS image, too, as it is now; with the password hashes that it has"),
        )
        .args(registry_options::options())
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    match matches.contains_id("pools") {
        true => boxed(nodes(matches)),
        false => boxed(version(matches)),
    }
}

fn nodes(matches: &ArgMatches) -> Result<PushNodes> {
    Ok(PushNodes {
        to: registry_options::address(matches, "pools")?,
        connection: registry_options::connection(matches)?,
    })
}

fn version(matches: &ArgMatches) -> Result<PushVersion> {
    Ok(PushVersion {
        version: super::reference(matches, "name")?,
        to: registry_options::address(matches, "to")?,
        tree: if matches.get_flag("with-tree") { Tree::AsItIs } else { Tree::Never },
        connection: registry_options::connection(matches)?,
    })
}

/// Sends a version to a registry.
pub(crate) struct PushVersion {
    pub(crate) version: VersionReference,
    pub(crate) to: RegistryReference,
    pub(crate) tree: Tree,
    pub(crate) connection: Connection,
}

impl PushVersion {
    fn push<'s>(&self, session: &'s Session) -> Push<'s> {
        Push {
            images: session.images(),
            version: self.version.clone(),
            to: self.to.clone(),
            tree: self.tree,
            connection: self.connection.clone().and_of_site(&session.site.configuration().registries),
        }
    }
}

impl Request for PushVersion {
    fn effect(&self) -> Effect {
        match self.tree {
            Tree::Never => Effect::ChangesAsIs,
            // An earlier one may have been killed while it packed.
            Tree::AsItIs => Effect::Changes,
        }
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let pushed = self.push(session).check()?;
        let (tree, what) = match pushed.tree {
            true => (" and its OS tree", pushed.version.as_str()),
            false => ("", pushed.digest.as_str()),
        };
        Ok(vec![
            format!("send {} of {}{tree} to {}", of_files(&pushed), pushed.version, pushed.repository),
            format!("give {what} there the tags {}", pushed.tags.join(", ")),
        ])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let pushed = self.push(session).run(&*session.output)?;
        session.output.document("pushed", &pushed, |_| {
            let signed = if pushed.signed { "\nits signature is beside it" } else { "" };
            format!(
                "pushed {} to {}:{}\n{}\nsent {}{signed}\n",
                pushed.version,
                pushed.repository,
                pushed.tags.join(", "),
                pushed.digest,
                of_files(&pushed)
            )
        });
        Ok(())
    }
}

fn of_files(pushed: &Pushed) -> String {
    let all = pushed.files_sent + pushed.files_there;
    format!("{} of {all} files ({})", pushed.files_sent, Bytes(pushed.bytes_sent))
}

/// Sends the nodes and pools to a registry.
pub(crate) struct PushNodes {
    pub(crate) to: RegistryReference,
    pub(crate) connection: Connection,
}

impl PushNodes {
    fn push<'s>(&self, session: &'s Session) -> PushPools<'s> {
        PushPools {
            nodes: session.nodes(),
            to: self.to.clone(),
            connection: self.connection.clone().and_of_site(&session.site.configuration().registries),
        }
    }
}

impl Request for PushNodes {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let pushed = self.push(session).check()?;
        let PushedPools { repository, tag, .. } = &pushed;
        Ok(match pushed.was_there {
            true => Vec::new(),
            false => vec![format!("send {} to {repository}:{tag}", of_nodes(&pushed))],
        })
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let pushed = self.push(session).run()?;
        session.output.document("pushed", &pushed, |_| {
            let PushedPools { repository, tag, digest, .. } = &pushed;
            let what = of_nodes(&pushed);
            match pushed.was_there {
                true => format!("{repository}:{tag} has these {what} already\n{digest}\n"),
                false => format!("pushed {what} to {repository}:{tag}\n{digest}\n"),
            }
        });
        Ok(())
    }
}

fn of_nodes(pushed: &PushedPools) -> String {
    format!("{} nodes and {} pools ({})", pushed.nodes, pushed.pools, Bytes(pushed.bytes))
}
