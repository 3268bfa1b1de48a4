//! `log`: what was done to an image, and what the tools said meanwhile.

use super::{image_name, word};
use crate::{
    cli::request::{Effect, Request, Session},
    failure,
    output::Format,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};

pub(crate) fn command() -> Command {
    Command::new("log")
        .about("Print the log of an image")
        .arg(word("name", "NAME", "The image"))
        .arg(Arg::new("last").long("last").action(ArgAction::SetTrue).help("Print only the last operation"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Log> {
    Ok(Log { name: image_name(matches, "name")?, last: matches.get_flag("last") })
}

/// Prints the log of an image, one that is gone included.
pub(crate) struct Log {
    name: ImageName,
    last: bool,
}

impl Request for Log {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let path = session.images().log_path(&self.name);
        let Some(mut log) = session.images().log(&self.name)? else {
            session.images().get_created_image(&self.name)?;
            return Err(Error::new(ErrorKind::NOT_FOUND, format!("image {} has no log", self.name))
                .because(format!("there is no {path}")));
        };
        let failed =
            |cause: std::io::Error| failure::of(cause).context(format!("cannot read the log {path}"));
        if self.last {
            log = log.last_only().map_err(failed)?;
        }
        match session.output.format() {
            Format::Table => log.each_line(|line| session.output.foreign(line)).map_err(failed),
            Format::Json | Format::Yaml => session.output.stream("log", &log),
        }
    }
}
