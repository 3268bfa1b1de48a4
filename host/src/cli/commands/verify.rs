//! `verify`: whether images are as they should be.

use super::{image_names, words};
use crate::{
    cli::request::{Effect, Request, Session},
    modules::ModuleManager,
    output::{Field, Mood},
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{Error, ImageName, Result};
use serde::Serialize;

pub(crate) fn command() -> Command {
    Command::new("verify").about("Check records, boot files, kernels and modules of images").arg(words(
        "names",
        "NAME",
        "The images; all without one",
    ))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Verify> {
    Ok(Verify { names: image_names(matches, "names")? })
}

/// Checks images and changes nothing.
pub(crate) struct Verify {
    names: Vec<ImageName>,
}

#[derive(Serialize)]
struct Verified {
    name: String,
    problem: Option<String>,
}

impl Request for Verify {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let found = session.images().verify(&self.names)?;
        let verified: Vec<Verified> =
            found.into_iter().map(|(name, problem)| Verified { name, problem }).collect();
        session.output.document("verified", &verified, |output| {
            let row = |image: &Verified| match &image.problem {
                None => vec![Field::from(&image.name), Field::with_mood("good", Mood::Good)],
                Some(problem) => vec![Field::from(&image.name), Field::with_mood(problem, Mood::Bad)],
            };
            if verified.is_empty() {
                return String::new();
            }
            output.table(&["NAME", "RESULT"], verified.iter().map(row).collect())
        });
        if self.names.is_empty() {
            let modules = session.site.classes().registry().entries();
            let facts = ModuleManager::new(&session.site).facts(modules);
            for (module, note) in modules.iter().zip(&facts).filter_map(|(m, f)| Some((m, f.note.as_ref()?)))
            {
                session.output.warn(&format!("module {}: {note}", module.name));
            }
        }
        match verified.iter().filter(|image| image.problem.is_some()).count() {
            0 => Ok(()),
            1 => Err(Error::failed("one image is not as it should be")),
            bad => Err(Error::failed(format!("{bad} images are not as they should be"))),
        }
    }
}
