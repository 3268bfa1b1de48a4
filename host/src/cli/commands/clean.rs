//! `clean`: what crashed actions left behind goes away.

use super::{image_names, words};
use crate::{
    cli::request::{Effect, Request, Session, subject},
    nodes::BootFilesChange,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{Error, ImageName, Result};
use disklessset_system::bytes::Bytes;

pub(crate) fn command() -> Command {
    Command::new("clean")
        .about("Clean up after actions that were interrupted")
        .arg(words("names", "NAME", "Images to clean [default: all that need cleaning]"))
        .arg(
            Arg::new("bases")
                .long("bases")
                .action(ArgAction::SetTrue)
                .conflicts_with("names")
                .help("Remove the trees of packages that are kept for the next images"),
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Clean> {
    Ok(Clean { names: image_names(matches, "names")?, bases: matches.get_flag("bases") })
}

/// Cleans images, or all that need it.
pub(crate) struct Clean {
    names: Vec<ImageName>,
    bases: bool,
}

impl Request for Clean {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        if self.bases {
            let bases = session.images().bases()?;
            return Ok(bases
                .iter()
                .map(|base| format!("remove the base {}, {}", base.what, Bytes(base.bytes)))
                .collect());
        }
        let mut names = session.images().to_clean()?;
        for name in &self.names {
            if !names.contains(name) {
                session.images().show(name)?;
            }
        }
        if !self.names.is_empty() {
            names.retain(|name| self.names.contains(name));
        }
        let mut lines: Vec<String> = names.iter().map(|name| format!("clean image {name}")).collect();
        if self.names.is_empty() {
            lines.extend(
                session.nodes().boot_files_to_renew()?.map(|files| files.in_words("write", "remove")),
            );
        }
        if lines.is_empty() {
            session.output.say("There is nothing to clean.");
        }
        Ok(lines)
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        if self.bases {
            return remove_bases(session);
        }
        let report = session.images().clean(&self.names)?;
        for name in &report.cleaned {
            session.output.say(&format!("cleaned {}", subject(name)));
        }
        session.tell_recovered(&report);
        let mut renewed = false;
        if self.names.is_empty() {
            tell_of_1x(session)?;
            let files = session.nodes().renew_boot_files()?;
            renewed = files != BootFilesChange::default();
            if renewed {
                session.output.say(&files.in_words("wrote", "removed"));
            }
        }
        if report.cleaned.is_empty() && report.kept.is_empty() && !renewed {
            session.output.say("There is nothing to clean.");
        }
        let mut kept = report.kept.into_iter();
        let Some((name, first)) = kept.next() else { return Ok(()) };
        for (name, error) in kept {
            session.output.error(&in_context(&name, error));
        }
        Err(in_context(&name, first))
    }
}

fn remove_bases(session: &Session) -> Result<()> {
    let gone = session.images().remove_bases()?;
    if gone.is_empty() {
        session.output.say("There is no base that could be removed.");
    }
    for base in gone {
        session.output.say(&format!("removed the base {}, {}", base.what, Bytes(base.bytes)));
    }
    Ok(())
}

/// Creations of 1.x that seem to be under way, and by whom: only people can tell a process that is back at its menu.
fn tell_of_1x(session: &Session) -> Result<()> {
    for image in session.images().list()? {
        if let (Some(pid), Some(command)) = (image.pid, image.command) {
            session.output.say(&format!(
                "image {0} is being created by process {pid}: {command}; if it is not: end it, then disklessset clean {0}",
                image.name
            ));
        }
    }
    Ok(())
}

fn in_context(name: &str, error: Error) -> Error {
    error.context(format!("cannot clean {}", subject(name)))
}
