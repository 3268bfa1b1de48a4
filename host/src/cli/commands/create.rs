//! `create --from`: an image out of a file that describes it: a definition, or a parameters file as in 1.x.

use crate::{
    ImageManager,
    cli::{
        defaults,
        globals::absolute,
        request::{Effect, Request, Session},
        secret,
    },
    images::Definition,
};
use camino::Utf8PathBuf;
use clap::{ArgMatches, Command};
use disklessset_plugin_api::{Error, ParamKind, ParamSpec, Result};

pub(crate) fn command() -> Command {
    Command::new("create")
        .about("Create an image from a file that describes it")
        .after_help("To create an image from flags, use its module: disklessset MODULE --help")
        .arg(super::path_option("from", "FILE", "A definition or a parameters file (YAML)").required(true))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Create> {
    let from = matches.get_one::<Utf8PathBuf>("from").ok_or_else(|| Error::usage("--from is missing"))?;
    Ok(Create { from: absolute(from)? })
}

/// Creates an image from a file.
pub(crate) struct Create {
    pub(crate) from: Utf8PathBuf,
}

impl Create {
    /// Refuses a file that no image can be made from, by its name.
    fn check(&self, images: &ImageManager<'_>, file: &Definition) -> Result<()> {
        let kind = if file.is_parameters_file() { "parameters file" } else { "definition" };
        images.rehearse_from(file).map_err(|error| error.context(format!("cannot use {kind} {}", self.from)))
    }
}

impl Request for Create {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let images = session.images();
        let file = images.load_image_file(&self.from)?;
        images.creation(&file.image_class)?;
        if !images.to_clean()?.contains(&file.name) {
            self.check(&images, &file)?;
        }
        let action = format!("create image {} ({})", file.name, file.image_class);
        Ok([action].into_iter().chain(defaults::fetched(session.site.os_images().as_deref())).collect())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let images = session.images();
        let file = images.load_image_file(&self.from)?;
        let creation = images.creation(&file.image_class)?;
        let is_secret = |param: &ParamSpec| param.kind == ParamKind::Secret && file.has(&param.name);
        if file.is_parameters_file()
            && creation.params.iter().any(is_secret)
            && let Ok(metadata) = self.from.metadata()
        {
            secret::warn_of_readers(&self.from, &metadata, &session.output);
        }
        self.check(&images, &file)?;
        images.create_from(&file)?;
        session.output.say(&format!("created image {}", file.name));
        Ok(())
    }
}
