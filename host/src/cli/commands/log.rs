//! `log`: what the tools said while an image was made and changed.

use super::{image_name, word};
use crate::{
    cli::request::{Effect, Request, Session},
    failure,
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind as IoErrorKind, Read};

/// Longer lines of a log are printed in pieces, so that memory stays small whatever a tool wrote.
const PIECE: u64 = 64 * 1024;

pub(crate) fn command() -> Command {
    Command::new("log").about("Print the log of an image").arg(word("name", "NAME", "The image"))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Log> {
    Ok(Log { name: image_name(matches, "name")? })
}

/// Prints the log of an image, one that is gone included.
pub(crate) struct Log {
    name: ImageName,
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
        let failed =
            |cause: std::io::Error| failure::of(cause).context(format!("cannot read the log {path}"));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == IoErrorKind::NotFound => {
                session.images().get_created_image(&self.name)?;
                return Err(Error::new(ErrorKind::NOT_FOUND, format!("image {} has no log", self.name))
                    .because(format!("there is no {path}")));
            }
            Err(cause) => return Err(failed(cause)),
        };
        let mut reader = BufReader::new(file);
        loop {
            let mut line = Vec::new();
            if reader.by_ref().take(PIECE).read_until(b'\n', &mut line).map_err(failed)? == 0 {
                return Ok(());
            }
            session.output.foreign(&String::from_utf8_lossy(&line));
        }
    }
}
