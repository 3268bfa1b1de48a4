//! `pull`: a version comes from a registry.

use super::{registry_options, word};
use crate::{
    cli::request::{Effect, Request, Session},
    images::TakenIn,
    registry::{Connection, Pull, Signature},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_oci::names::RegistryReference;
use disklessset_plugin_api::{ImageName, Result};
use disklessset_system::bytes::Bytes;

pub(crate) fn command() -> Command {
    Command::new("pull")
        .about("Bring a version of an image from a registry, and have nodes get it")
        .long_about(
            "Bring a version of an image from a registry, and have nodes get it.\n\nIt becomes the next version of the image; an image that \
             is not there is made. With --hold it waits for `release`. Files that are here are not received again, and what broke off goes \
             on where it was. Logins are those of podman login, skopeo login and docker login.",
        )
        .arg(word("from", "REGISTRY/REPOSITORY:TAG|@DIGEST", "The version, as push printed it"))
        .arg(Arg::new("name").value_name("NAME").help("The image [default: as it was called where it was made]"))
        .arg(
            Arg::new("require-signature")
                .long("require-signature")
                .action(ArgAction::SetTrue)
                .help("Refuse a version without a signature by this site's certificate"),
        )
        .args(registry_options::options())
}

pub(crate) fn request(matches: &ArgMatches) -> Result<PullVersion> {
    let name = matches.get_one::<String>("name").map(|name| super::parse_image_name(name)).transpose()?;
    Ok(PullVersion {
        from: registry_options::address(matches, "from")?,
        name,
        signature: match matches.get_flag("require-signature") {
            true => Signature::Required,
            false => Signature::NotLookedAt,
        },
        connection: registry_options::connection(matches)?,
    })
}

/// Brings a version from a registry.
pub(crate) struct PullVersion {
    from: RegistryReference,
    name: Option<ImageName>,
    signature: Signature,
    connection: Connection,
}

impl PullVersion {
    /// One that comes as the site's configuration has it.
    pub(crate) fn to_be_current(from: RegistryReference, name: Option<ImageName>) -> Self {
        Self { from, name, signature: Signature::NotLookedAt, connection: Connection::default() }
    }

    fn pull<'s>(&self, session: &'s Session) -> Pull<'s> {
        Pull {
            images: session.images(),
            from: self.from.clone(),
            name: self.name.clone(),
            signature: self.signature,
            connection: self.connection.clone().and_of_site(&session.site.configuration().registries),
        }
    }
}

impl Request for PullVersion {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let (name, plan) = self.pull(session).check()?;
        let mut lines = Vec::new();
        if plan.files > 0 {
            lines.push(format!("receive {} files ({}) from {}", plan.files, Bytes(plan.bytes), self.from));
        }
        lines.push(match (plan.already, plan.makes_image) {
            (Some(version), _) => format!("use {version}, which it is already"),
            (None, true) => format!("make image {name} of it"),
            (None, false) => format!("make it the next version of image {name}"),
        });
        Ok(lines)
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let pulled = self.pull(session).run(&*session.output)?;
        session.output.document("pulled", &pulled, |_| {
            let what = if pulled.was_here { "was here already" } else { "is here" };
            let state = match pulled.state {
                TakenIn::Current => "and nodes get it".to_owned(),
                TakenIn::Held => format!("and waits: disklessset release {}", pulled.version),
            };
            let all = pulled.files_received + pulled.files_here;
            format!(
                "{} {what}, {state}\n{}\nreceived {} of {all} files ({})\n",
                pulled.version,
                pulled.digest,
                pulled.files_received,
                Bytes(pulled.bytes_received)
            )
        });
        Ok(())
    }
}
