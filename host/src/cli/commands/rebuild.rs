//! `rebuild`: an image made again, as its next version.

use super::{image_name, path_option, word};
use crate::{
    cli::{
        globals::absolute,
        request::{Effect, Request, Session},
    },
    images::{DefinitionChange, Rebuilt},
};
use camino::Utf8PathBuf;
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{ImageName, Result};

/// The option by which edits are given up.
const DISCARD: &str = "discard-edits";

pub(crate) fn command() -> Command {
    Command::new("rebuild")
        .about("Make an image again, as its next version")
        .after_help(
            "Without --from it is made from what it was made from before, with the packages of today. It stays in service meanwhile.",
        )
        .arg(word("name", "NAME", "The image"))
        .arg(path_option("from", "FILE", "A definition of the image (YAML)"))
        .arg(discard_option())
}

/// The option that gives up what was edited in an image since it was made.
pub(super) fn discard_option() -> Arg {
    Arg::new(DISCARD)
        .long(DISCARD)
        .action(ArgAction::SetTrue)
        .help("Give up what was edited in an image since it was made")
}

/// Whether it was given.
pub(super) fn discards(matches: &ArgMatches) -> bool {
    matches.get_flag(DISCARD)
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Rebuild> {
    let from = matches.get_one::<Utf8PathBuf>("from").map(|from| absolute(from)).transpose()?;
    Ok(Rebuild { name: image_name(matches, "name")?, from, discard_edits: discards(matches) })
}

/// Makes an image again.
pub(crate) struct Rebuild {
    name: ImageName,
    from: Option<Utf8PathBuf>,
    discard_edits: bool,
}

impl Request for Rebuild {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let images = session.images();
        let from = self.from.as_ref().map(|file| images.load_definition(file)).transpose()?;
        let changes = images.check_rebuild(&self.name, from.as_ref(), self.discard_edits)?;
        Ok(vec![format!("rebuild image {}{}", self.name, lines_of(&changes))])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let images = session.images();
        let from = self.from.as_ref().map(|file| images.load_definition(file)).transpose()?;
        let rebuilt = images.rebuild(&self.name, from.as_ref(), self.discard_edits)?;
        session.output.end_progress();
        session.output.say(&said_of(&self.name, &rebuilt));
        Ok(())
    }
}

/// What is said of an image that was made again.
pub(super) fn said_of(name: &ImageName, rebuilt: &Rebuilt) -> String {
    match (&rebuilt.version, rebuilt.waits) {
        (Some(version), false) => format!("rebuilt image {name}: nodes that boot it now get {version}"),
        (Some(version), true) => {
            format!("rebuilt image {name}: {version} waits, `disklessset release {version}`")
        }
        (None, _) => format!("rebuilt image {name}"),
    }
}

/// The differences of two definitions, a line for each side.
pub(super) fn lines_of(changes: &[DefinitionChange]) -> String {
    let side = |sign: &str, key: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("\n  {sign} {key}: {value}")).unwrap_or_default()
    };
    let both = |change: &DefinitionChange| {
        side("-", &change.key, &change.old) + &side("+", &change.key, &change.new)
    };
    changes.iter().map(both).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_a_line_for_each_side_that_has_a_value() {
        let change = |key: &str, old: Option<&str>, new: Option<&str>| DefinitionChange {
            key: key.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        };
        let changes = [change("kernel", Some("6.1"), Some("6.2")), change("run", None, Some("/go.sh"))];
        assert_eq!(lines_of(&changes), "\n  - kernel: 6.1\n  + kernel: 6.2\n  + run: /go.sh");
        assert_eq!(lines_of(&[]), "");
    }
}
