//! `push`: a version goes to a registry.

use super::{registry_options, word};
use crate::{
    cli::request::{Effect, Request, Session},
    registry::{Connection, Push, Pushed},
    versions::VersionReference,
};
use clap::{ArgMatches, Command};
use disklessset_oci::names::RegistryReference;
use disklessset_plugin_api::Result;
use disklessset_system::bytes::Bytes;

pub(crate) fn command() -> Command {
    Command::new("push")
        .about("Send a version of an image to a registry")
        .long_about(
            "Send a version of an image to a registry.\n\nIt gets the tag vN there, N being its number here, and the tag current when nodes \
             get it. Files that are there are not sent again. Logins are those of podman login, skopeo login and docker login.",
        )
        .arg(word("name", "NAME[@N]", "The image, and a number or tag of a version [default: the current one]"))
        .arg(word("to", "REGISTRY/REPOSITORY[:TAG]", "Where to, and one more tag that it gets there"))
        .args(registry_options::options())
}

pub(crate) fn request(matches: &ArgMatches) -> Result<PushVersion> {
    Ok(PushVersion {
        version: super::reference(matches, "name")?,
        to: registry_options::address(matches, "to")?,
        connection: registry_options::connection(matches)?,
    })
}

/// Sends a version to a registry.
pub(crate) struct PushVersion {
    version: VersionReference,
    to: RegistryReference,
    connection: Connection,
}

impl PushVersion {
    fn push<'s>(&self, session: &'s Session) -> Push<'s> {
        Push {
            images: session.images(),
            version: self.version.clone(),
            to: self.to.clone(),
            connection: self.connection.clone().and_of_site(&session.site.configuration().registries),
        }
    }
}

impl Request for PushVersion {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let pushed = self.push(session).check()?;
        Ok(vec![
            format!("send {} of {} to {}", of_files(&pushed), pushed.version, pushed.repository),
            format!("give {} there the tags {}", pushed.digest, pushed.tags.join(", ")),
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
