//! The checks of actions before they change something: by their declarations, and by their classes.

use super::{manager::ImageManager, tools};
use crate::{modules::LeftOutSource, operation::Reading};
use disklessset_plugin_api::{
    ActionCheck, ActionSpec, Arguments, Error, ErrorKind, Image, ImageName, ParamKind, Raw, Refusal, Result,
    Role, messages::StepRequest,
};
use std::collections::BTreeMap;

impl ImageManager<'_> {
    /// Checks everything about an action that can be checked before it changes something.
    ///
    /// # Errors
    /// The first fault, or all faulty parameters as causes.
    pub fn check_action(
        &self,
        class: &str,
        words: &str,
        name: &ImageName,
        given: BTreeMap<String, Raw>,
    ) -> Result<(ActionSpec, Arguments)> {
        let action = self.action(class, words)?;
        match action.role {
            Role::Create => self.must_be_free(name)?,
            Role::Change | Role::Read => {
                let image = self.get_created_image(name)?;
                if !self.site.classes.is_a(image.class(), class) {
                    return Err(Error::usage(format!("image {name} is a {}, not a {class}", image.class())));
                }
            }
            _ => return Err(Error::failed(format!("action {words} needs a newer disklessset"))),
        }
        let arguments = self.checked_arguments(class, &action, given)?;
        Ok((action, arguments))
    }

    /// Checks what was given for an action, whatever image it is about.
    pub(super) fn checked_arguments(
        &self,
        class: &str,
        action: &ActionSpec,
        given: BTreeMap<String, Raw>,
    ) -> Result<Arguments> {
        let arguments = action.check(given, self).map_err(|refusals| refused(&refusals))?;
        self.must_be_offered(class, action, &arguments)?;
        tools::must_be_there(action, &arguments)?;
        Ok(arguments)
    }

    /// Refuses a source that the action has left out, with the reason: the class would take it for one
    /// without parameters.
    fn must_be_offered(&self, class: &str, action: &ActionSpec, arguments: &Arguments) -> Result<()> {
        let params = action.params.iter().filter(|param| param.kind == ParamKind::Source);
        let named: Vec<&str> = params.filter_map(|param| arguments.0.get(&param.name)?.as_str()).collect();
        if named.is_empty() {
            return Ok(());
        }
        let module = self.site.classes.module_of(class).unwrap_or_default();
        let left_out = self.site.classes.sources_left_out(&module, action);
        match left_out.into_iter().find(|left_out| named.contains(&left_out.source.as_str())) {
            None => Ok(()),
            Some(left_out) => Err(Error::refused(left_out.to_string()).hint(LeftOutSource::HINT)),
        }
    }

    /// Has a class look at the answers so far, before more is asked: why it refuses the one for this parameter, if it does.
    ///
    /// # Errors
    /// The reason.
    pub fn check_answer(
        &self,
        (class, words, name): (&str, &str, &ImageName),
        parameter: &str,
        answers: &Arguments,
    ) -> Result<(), String> {
        let look = ActionCheck::new(words, answers).incomplete();
        // Whatever is wrong with the action itself is told when it is done.
        let image = self.action(class, words).and_then(|action| self.subject_of(class, &action, name));
        let refusals = image.and_then(|image| self.refusals(&image, &look)).unwrap_or_default();
        match refusals.into_iter().find(|refusal| refusal.parameter == parameter) {
            Some(refusal) => Err(refusal.reason),
            None => Ok(()),
        }
    }

    /// Checks an action as [`ImageManager::check_action`] does, and has the class look at what only it can tell of
    /// (a node that is not there, a client that cannot be exported to). Nothing is changed.
    ///
    /// # Errors
    /// Those that the action would end with before it changes something.
    pub fn rehearse(
        &self,
        class: &str,
        words: &str,
        name: &ImageName,
        given: BTreeMap<String, Raw>,
    ) -> Result<()> {
        let (action, arguments) = self.check_action(class, words, name, given)?;
        let image = self.subject_of(class, &action, name)?;
        self.class_check(&image, words, &arguments)
    }

    /// The image that an action is about: one that is not there yet, or the created one.
    pub(super) fn subject_of(&self, class: &str, action: &ActionSpec, name: &ImageName) -> Result<Image> {
        if action.role != Role::Create {
            return self.get_created_image(name);
        }
        let directory = self.site.layout.image_dir(name.as_str());
        Ok(Image::new(name.clone(), class, BTreeMap::new(), directory))
    }

    /// Has the class check an action whose arguments are all there.
    pub(super) fn class_check(&self, image: &Image, words: &str, arguments: &Arguments) -> Result<()> {
        let look = ActionCheck::new(words, arguments);
        Refusal::error_of(&self.refusals(image, &look)?).map_or(Ok(()), Err)
    }

    /// What a class says of an action, argument by argument.
    fn refusals(&self, image: &Image, look: &ActionCheck<'_>) -> Result<Vec<Refusal>> {
        let rehearsal = Reading::rehearsing(self.site, image.name(), image.class());
        match self.step(&rehearsal, &mut image.clone(), StepRequest::check(look)) {
            Ok(answer) => serde_json::from_value(answer).map_err(|cause| {
                Error::failed(format!(
                    "class {} gives no answer about {} that can be understood",
                    image.class(),
                    look.words
                ))
                .because(cause)
                .hint("tell the author of its module")
            }),
            Err(error) if error.kind == ErrorKind::NOT_DEFINED => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// The error of arguments that were refused; the list of them is not empty.
pub(super) fn refused(refusals: &[Refusal]) -> Error {
    Refusal::error_of(refusals).unwrap_or_else(|| Error::usage("the arguments were refused"))
}
