//! `completion`: the script by which a shell asks this program what may follow on a command line.

use super::{boxed, text};
use crate::cli::request::{Effect, Request, Session};
use clap::{Arg, ArgMatches, Command};
use disklessset_plugin_api::Result;

/// The scripts, by their shells.
const SCRIPTS: [(&str, &str); 3] = [
    ("bash", include_str!("../../../completions/disklessset.bash")),
    ("zsh", include_str!("../../../completions/_disklessset")),
    ("fish", include_str!("../../../completions/disklessset.fish")),
];

pub(crate) fn command() -> Command {
    Command::new("completion")
        .about("Print the script by which a shell completes commands")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(SCRIPTS.map(|(shell, _)| shell))
                .help("The shell"),
        )
        .after_help("For this session of bash: source <(disklessset completion bash)")
}

pub(crate) fn request(matches: &ArgMatches) -> Option<Result<Box<dyn Request>>> {
    let shell = text(matches, "shell");
    let (_, script) = SCRIPTS.into_iter().find(|(known, _)| *known == shell)?;
    Some(boxed(Ok(Completion { script })))
}

/// Prints a script.
struct Completion {
    script: &'static str,
}

impl Request for Completion {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        session.output.data(self.script);
        Ok(())
    }
}
