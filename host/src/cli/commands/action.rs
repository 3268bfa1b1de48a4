//! An action of a module, from the command line or the menu.

use super::{overview::Overview, parse_image_name};
use crate::{
    cli::{
        declared, defaults,
        request::{Effect, Request, Session},
    },
    modules::OfferedAction,
    output::{Answers, Output},
};
use camino::Utf8PathBuf;
use clap::ArgMatches;
use disklessset_plugin_api::{ActionSpec, Error, ImageName, ParamKind, Raw, Result, Role};
use serde_json::Value;
use std::collections::BTreeMap;

/// An action with everything that was given for it.
pub(crate) struct Action {
    pub(crate) module: String,
    pub(crate) classes: Vec<String>,
    pub(crate) spec: ActionSpec,
    pub(crate) name: ImageName,
    pub(crate) given: BTreeMap<String, Raw>,
    /// The files that secrets were read from.
    pub(crate) secret_files: BTreeMap<String, Utf8PathBuf>,
}

/// The action that a module's command line asks for.
///
/// # Errors
/// When the action is disabled, or a name or secret cannot be used.
pub(crate) fn request(
    module: &str,
    offered: &[OfferedAction],
    matches: &ArgMatches,
    output: &Output,
) -> Result<Box<dyn Request>> {
    let mut words = Vec::new();
    let mut inner = matches;
    while let Some((word, deeper)) = inner.subcommand() {
        words.push(word);
        inner = deeper;
    }
    let words = words.join(" ");
    let offered = offered
        .iter()
        .find(|offered| offered.action.spec.words == words)
        .ok_or_else(|| Error::usage(format!("module {module} has no action {words}")))?;
    if let Some(reason) = &offered.action.disabled {
        return Err(Error::refused(format!("the action {module} {words} cannot be used")).because(reason));
    }
    let spec = offered.action.spec.clone();
    if spec.role == Role::Overview {
        return Ok(Box::new(Overview {
            class: offered.classes.first().cloned().unwrap_or_default(),
            given: declared::given(&spec.params, inner, output)?,
            words,
        }));
    }
    let name = inner.get_one::<String>(declared::NAME).map(String::as_str).unwrap_or_default();
    Ok(Box::new(Action {
        module: module.to_owned(),
        classes: offered.classes.clone(),
        name: parse_image_name(name)?,
        given: declared::given(&spec.params, inner, output)?,
        secret_files: declared::secret_files(&spec.params, inner)?,
        spec,
    }))
}

/// Whether an action runs a command for the user, such as `exec`.
pub(crate) fn runs_a_command(spec: &ActionSpec) -> bool {
    spec.params.iter().any(|param| param.kind == ParamKind::Command)
}

/// The exit code of a command that an action ran, which is told as `{"exit_code": CODE}`.
fn exit_code(result: &Value) -> Option<u8> {
    let code = result.as_object()?.get("exit_code")?.as_u64()?;
    u8::try_from(code).ok()
}

impl Action {
    /// The class whose action it is; where several of the module have it, the image decides.
    fn class(&self, session: &Session) -> Result<&str> {
        let first = self.classes.first().map(String::as_str).unwrap_or_default();
        if self.spec.role == Role::Create || self.classes.len() < 2 {
            return Ok(first);
        }
        let image = session.images().get_created_image(&self.name)?;
        let own = self.classes.iter().find(|class| session.site.classes().is_a(image.class(), class));
        Ok(own.map_or(first, String::as_str))
    }

    fn command(&self) -> String {
        format!("{} {} {}", self.module, self.spec.words, self.name)
    }
}

impl Request for Action {
    fn effect(&self) -> Effect {
        match self.spec.role {
            Role::Read => Effect::Reads,
            _ => Effect::Changes,
        }
    }

    fn question(&self) -> Option<String> {
        self.spec.confirm.clone()
    }

    fn runs_a_command(&self) -> bool {
        runs_a_command(&self.spec)
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let images = session.images();
        if !images.to_clean()?.contains(&self.name) {
            images.rehearse(self.class(session)?, &self.spec.words, &self.name, self.given.clone())?;
        }
        let action = match self.spec.role {
            Role::Create => format!("create image {} ({})", self.name, self.class(session)?),
            _ => format!("do {}", self.command()),
        };
        let all = [action].into_iter().chain(defaults::plan_of(&self.spec.params, &self.given));
        Ok(all.chain(defaults::fetched(session.site.os_images().as_deref())).collect())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let output = &session.output;
        if self.spec.terminal && !output.input().is_terminal() && output.answers() != Answers::Anyone {
            return Err(Error::refused(format!("{} needs a terminal", self.command())));
        }
        let value = session.images().run_action_of_files(
            self.class(session)?,
            &self.spec.words,
            &self.name,
            self.given.clone(),
            &self.secret_files,
        )?;
        output.end_progress();
        if self.runs_a_command()
            && let Some(code) = exit_code(&value)
        {
            session.exit_code.set(code);
            return Ok(());
        }
        match self.spec.role {
            Role::Create => output.say(&format!("created image {}", self.name)),
            Role::Change if value.is_null() && !self.spec.terminal => {
                output.say(&format!("done: {}", self.command()));
            }
            _ => {}
        }
        output.result(&value);
        Ok(())
    }
}
