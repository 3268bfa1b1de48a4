//! `apply`: definitions in files, made into images: what is missing is made, what has changed is made again, the rest is left.

use super::rebuild::{discard_option, discards, lines_of, said_of};
use crate::{
    cli::{
        globals::absolute,
        request::{Effect, Request, Session},
    },
    failure,
    images::{DefinitionChange, Plan, PlannedImage, PlannedStep},
    output::Format,
};
use camino::Utf8PathBuf;
use clap::{Arg, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{Error, ErrorKind, Result};
use serde::Serialize;

pub(crate) fn command() -> Command {
    Command::new("apply")
        .about(
            "Make images as definitions say: those that are missing, and those whose definition has changed",
        )
        .after_help("Newer packages alone are no change: disklessset rebuild NAME")
        .arg(
            Arg::new("files")
                .value_name("FILE|DIR")
                .num_args(1..)
                .required(true)
                .value_parser(value_parser!(Utf8PathBuf))
                .help("Definitions (YAML), or directories with files *.yml and *.yaml"),
        )
        .arg(discard_option())
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Apply> {
    let files = matches.get_many::<Utf8PathBuf>("files").into_iter().flatten();
    let files = files.map(|file| absolute(file)).collect::<Result<_>>()?;
    Ok(Apply { files, discard_edits: discards(matches) })
}

/// Applies definitions.
pub(crate) struct Apply {
    files: Vec<Utf8PathBuf>,
    discard_edits: bool,
}

/// What was done about one image, or would be, for programs.
#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    file: &'a str,
    step: &'static str,
    changes: &'a [DefinitionChange],
    /// The version that came of it, or waits.
    version: Option<String>,
    problem: Option<String>,
}

impl<'a> Told<'a> {
    fn planned(planned: &'a PlannedImage) -> Self {
        let (step, changes, version, problem): (_, &[DefinitionChange], _, _) = match &planned.step {
            PlannedStep::Create => ("create", &[], None, None),
            PlannedStep::Rebuild(changes) => ("rebuild", changes, None, None),
            PlannedStep::Leave(waits) => ("leave", &[], waits.clone(), None),
            PlannedStep::Refused(error) => ("refuse", &[], None, Some(failure::one_line(error))),
        };
        let definition = &planned.definition;
        let (name, file) = (definition.name.as_str(), definition.path.as_str());
        Self { name, file, step, changes, version, problem }
    }
}

/// The error of images that could not be made; nothing where all could.
fn error_of(failed: &[Error], all: usize) -> Option<Error> {
    let first = failed.first()?;
    let same = failed.iter().all(|error| error.kind == first.kind);
    let kind = if same { first.kind } else { ErrorKind::FAILED };
    let images = if all == 1 { "image was" } else { "images were" };
    Some(Error::new(kind, format!("{} of {all} {images} not brought to the definition", failed.len())))
}

impl Apply {
    fn planned(&self, session: &Session) -> Result<Plan> {
        session.images().plan_definitions(&self.files, self.discard_edits)
    }
}

impl Request for Apply {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let plan = self.planned(session)?;
        let mut failed = Vec::new();
        let mut lines = Vec::new();
        for planned in &plan.images {
            let name = &planned.definition.name;
            lines.push(match &planned.step {
                PlannedStep::Create => format!("create image {name} ({})", planned.definition.image_class),
                PlannedStep::Rebuild(changes) => format!("rebuild image {name}{}", lines_of(changes)),
                PlannedStep::Leave(None) => format!("leave image {name}: nothing has changed"),
                PlannedStep::Leave(Some(version)) => {
                    format!("leave image {name}: {version} is made from this definition and waits")
                }
                PlannedStep::Refused(error) => {
                    failed.push(error.clone());
                    format!("not rebuild image {name}: {}", failure::one_line(error))
                }
            });
        }
        if session.output.format() != Format::Table {
            let told: Vec<Told<'_>> = plan.images.iter().map(Told::planned).collect();
            session.output.document("images", &told, |_| String::new());
            lines.clear();
        }
        match error_of(&failed, plan.images.len()) {
            None => Ok(lines),
            Some(error) => {
                // What would be done is told all the same.
                lines.iter().for_each(|line| session.output.foreign(&format!("would {line}\n")));
                Err(error)
            }
        }
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let (plan, output) = (self.planned(session)?, &session.output);
        let (mut told, mut failed) = (Vec::new(), Vec::new());
        for planned in &plan.images {
            let name = &planned.definition.name;
            let mut done = Told::planned(planned);
            let outcome = session.images().apply_planned(&plan, planned);
            output.end_progress();
            match (&planned.step, outcome) {
                (_, Err(error)) if error.kind == ErrorKind::INTERRUPTED => return Err(error),
                (_, Err(error)) => {
                    done.problem = Some(failure::one_line(&error));
                    output.error(&error.clone().context(format!("image {name} is as it was")));
                    failed.push(error);
                }
                (_, Ok(Some(rebuilt))) => {
                    done.version = rebuilt.version.as_ref().map(ToString::to_string);
                    output.say(&said_of(name, &rebuilt));
                }
                (PlannedStep::Leave(Some(version)), Ok(None)) => {
                    let text = format!("image {name}: {version} is made from this definition and waits, ");
                    output.say(&format!("{text}`disklessset release {version}`"));
                }
                (PlannedStep::Leave(None), Ok(None)) => {
                    output.say(&format!("image {name}: nothing has changed"));
                }
                (_, Ok(None)) => output.say(&format!("created image {name}")),
            }
            told.push(done);
        }
        if output.format() != Format::Table {
            output.document("images", &told, |_| String::new());
        }
        error_of(&failed, plan.images.len()).map_or(Ok(()), Err)
    }
}
