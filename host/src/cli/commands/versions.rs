//! `versions`: the versions of an image.

use super::{image_name, word};
use crate::{
    cli::request::{Effect, Request, Session},
    images::{ListedVersion, VersionState},
    output::{CellStyle, Field, Output},
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("versions").about("List the versions of an image").arg(word("name", "NAME", "The image"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Versions> {
    Ok(Versions { name: image_name(matches, "name")? })
}

/// Lists the versions of an image.
pub(crate) struct Versions {
    pub(crate) name: ImageName,
}

impl Request for Versions {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let versions = session.images().versions(&self.name)?;
        if versions.is_empty() {
            session.output.say(&format!(
                "Image {} has no versions yet: its next change makes the first one.",
                self.name
            ));
        }
        session.output.document("versions", &versions, |output| match versions.is_empty() {
            true => String::new(),
            false => table(output, &versions),
        });
        Ok(())
    }
}

fn table(output: &Output, versions: &[ListedVersion]) -> String {
    let some_tag = versions.iter().any(|version| !version.tags.is_empty());
    let mut heading = vec!["VERSION", "STATE", "MADE", "BY", "KERNEL", "SIZE", "NEW DATA", "DIGEST"];
    if some_tag {
        heading.push("TAGS");
    }
    let some_memory = versions.iter().any(|version| version.memory_mebibytes.is_some());
    if some_memory {
        heading.push("NEEDS");
    }
    let rows = versions.iter().map(|version| {
        let mut row = vec![
            Field::from(&format!("{}@{}", version.image, version.number)),
            state(version.state),
            Field::from(version.date.get(..16).unwrap_or_default()),
            Field::from(&version.action),
            Field::from(version.kernel.as_deref().unwrap_or_default()),
            Field::from(&bytes(version.size_bytes)),
            Field::from(&bytes(version.new_bytes)),
            // Enough to tell it from others; JSON has all of it.
            Field::from(version.digest.get(..19).unwrap_or_default()),
        ];
        if some_tag {
            row.push(Field::from(&version.tags.join(", ")));
        }
        if some_memory {
            let needs = version.memory_mebibytes.map(|memory| format!("{memory} MiB")).unwrap_or_default();
            row.push(Field::from(&needs));
        }
        row
    });
    output.table(&heading, rows.collect())
}

fn state(state: VersionState) -> Field {
    match state {
        VersionState::Current => Field::with_style("current", CellStyle::Good),
        VersionState::Held => Field::with_style("held", CellStyle::Busy),
        VersionState::Older => Field::from("older"),
    }
}

fn bytes(bytes: u64) -> String {
    disklessset_system::bytes::Bytes(bytes).to_string()
}
