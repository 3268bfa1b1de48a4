//! `diff`: how two images differ, or two versions of one.

mod files;
mod text;

use super::{reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    output::Format,
    system::interrupt,
    versions::VersionReference,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{Error, Result};

/// What the program ends with where that was asked for and the images differ.
const DIFFERENT: u8 = 1;

pub(crate) fn command() -> Command {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("diff")
        .about("Show how two images or versions differ: packages, files, kernel and parameters")
        .arg(word("image", "NAME[@N|@TAG]", "The first image, or one of its versions"))
        .arg(
            word(
                "other",
                "NAME[@N|@TAG]",
                "What it is compared with; by default, what nodes got before is compared with the image, or the version with its image",
            )
            .required(false),
        )
        .arg(switch("files", "Print each file that differs instead of numbers of them"))
        .arg(switch("exit-code", "End with 1 when the images differ, or not everything can be compared"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Diff> {
    Ok(Diff {
        old: reference(matches, "image")?,
        new: matches.contains_id("other").then(|| reference(matches, "other")).transpose()?,
        files: matches.get_flag("files"),
        exit_code: matches.get_flag("exit-code"),
    })
}

/// Compares two images.
pub(crate) struct Diff {
    old: VersionReference,
    new: Option<VersionReference>,
    /// Whether each file is printed.
    files: bool,
    exit_code: bool,
}

impl Request for Diff {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        // The trees are mounted for it: a signal must not end the program before they are unmounted.
        interrupt::install()?;
        let found = session.images().compare(&self.old, self.new.as_ref())?;
        let output = &session.output;
        output.end_progress();
        match output.format() {
            Format::Json | Format::Yaml => output.stream("diff", &found)?,
            Format::Table => {
                output.data(&text::records(&found));
                output.data(&text::packages(&found));
                files::print(&found, self.files, output).map_err(unreadable)?;
                output.data(&text::skipped(&found));
            }
        }
        let [old, new] = &found.images;
        match (found.differs, found.complete) {
            (true, _) => {}
            (false, true) => output.say(&format!("{old} and {new} do not differ")),
            (false, false) => {
                let text = format!("{old} and {new} do not differ in what was compared");
                output.say(&text);
            }
        }
        if self.exit_code && (found.differs || !found.complete) {
            session.exit_code.set(DIFFERENT);
        }
        Ok(())
    }
}

fn unreadable(cause: std::io::Error) -> Error {
    Error::failed("cannot read what was found").because(cause)
}
