//! Classes that the test host knows: their steps as the host runs them, along the classes that build on each other.

use super::TestHost;
use crate::{
    Arguments, Attributes, DerivedImageClass, Image, ImageClass, ImageName, Kernel, KernelVersion, Lookup,
    Raw, Role,
    adapter::{Derived, Own, Steps},
    check_arguments,
    error::{Error, ErrorKind, Result},
    messages::{StepCall, StepReply, StepRequest, steps},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// A class with the name of the one it is built on.
#[derive(Clone)]
pub(super) struct Known {
    base: Option<String>,
    steps: Arc<dyn Steps>,
}

/// In tests every kernel and image is there.
struct Everything;

impl Lookup for Everything {
    fn kernel(&self, _version: &KernelVersion) -> Result<(), String> {
        Ok(())
    }
    fn image(&self, _name: &ImageName, _class: &str) -> Result<(), String> {
        Ok(())
    }
}

impl TestHost {
    /// Makes a class known under its name, for [`Self::create`], [`Self::run_action`], [`Self::run_step`] and for steps that classes
    /// ask for.
    pub fn add_class(&self, name: &str, class: impl ImageClass) {
        self.state().classes.insert(name.to_owned(), Known { base: None, steps: Arc::new(Own(class)) });
    }

    /// Makes a class known that is built on another; what it does not define goes to that.
    pub fn add_derived(&self, name: &str, base: &str, class: impl DerivedImageClass) {
        let known = Known { base: Some(base.to_owned()), steps: Arc::new(Derived(class)) };
        self.state().classes.insert(name.to_owned(), known);
    }

    /// The arguments of an action as the command line would give them, checked against its declaration: parameter names
    /// with what was typed. Kernels and images are taken to be there.
    ///
    /// # Errors
    /// What is refused, and when no class of the chain declares such an action.
    pub fn arguments(&self, class: &str, words: &str, given: &[(&str, &str)]) -> Result<Arguments> {
        let declared =
            self.chain(class)?.into_iter().flat_map(|(name, known)| known.steps.describe(&name).actions);
        let spec = declared.into_iter().find(|spec| spec.words == words);
        let spec = spec.ok_or_else(|| Error::usage(format!("class {class} declares no action {words}")))?;
        let mut raw: BTreeMap<String, Raw> = BTreeMap::new();
        for (name, text) in given {
            let text = (*text).to_owned();
            let value = match raw.remove(*name) {
                None => Raw::Text(text),
                Some(Raw::Text(first)) => Raw::List(vec![first, text]),
                Some(Raw::List(mut texts)) => {
                    texts.push(text);
                    Raw::List(texts)
                }
            };
            raw.insert((*name).to_owned(), value);
        }
        check_arguments(&spec.params, raw, &Everything).map_err(|refusals| {
            let mut error =
                Error::usage(format!("action {words} of class {class} does not take these parameters"));
            error.causes.extend(refusals.iter().map(ToString::to_string));
            error
        })
    }

    /// Makes an image by the class's own creation, as the host does: arguments checked, what the class acquired for the action
    /// undone when it is done, all of it when it fails.
    ///
    /// # Errors
    /// The class's own, or what of the arguments is refused.
    pub fn create(&self, name: &str, class: &str, given: &[(&str, &str)]) -> Result<Image> {
        let chain = self.chain(class)?;
        let declared = chain.iter().flat_map(|(name, known)| known.steps.describe(name).actions);
        let words = declared.into_iter().find(|spec| spec.role == Role::Create).map(|spec| spec.words);
        let words = words.ok_or_else(|| Error::usage(format!("class {class} declares no creation")))?;
        let arguments = self.arguments(class, &words, given)?;
        let mut image = self.new_image(name, class);
        let done = self.run_step(&mut image, steps::CREATE, arguments, Attributes::new());
        if done.is_err() {
            let _ = std::fs::remove_dir_all(image.directory());
        }
        self.ended(done)?;
        self.register(&image);
        Ok(image)
    }

    /// Runs one of the actions of the image's class, in the same way.
    ///
    /// # Errors
    /// The class's own, or what of the arguments is refused.
    pub fn run_action(&self, image: &mut Image, words: &str, given: &[(&str, &str)]) -> Result<Value> {
        let arguments = self.arguments(image.class(), words, given)?;
        let attrs = Attributes::from([("words".to_owned(), words.into())]);
        let done = self.run_step(image, steps::ACTION, arguments, attrs);
        let value = self.ended(done)?;
        self.register(image);
        Ok(value)
    }

    /// Runs a step of the image's class, and what is not defined there of the classes below.
    ///
    /// # Errors
    /// The step's own; [`ErrorKind::NOT_DEFINED`] when no class defines it.
    pub fn run_step(
        &self,
        image: &mut Image,
        step: &str,
        arguments: Arguments,
        attrs: Attributes,
    ) -> Result<Value> {
        let request = StepRequest {
            class: String::new(),
            step: step.to_owned(),
            image: Some(image.clone()),
            name: Some(image.name().clone()),
            source: None,
            arguments,
            attrs,
        };
        let reply = self.run_along(&self.chain(image.class())?, &request)?;
        if let Some(changed) = reply.image {
            *image = changed;
        }
        Ok(reply.value)
    }

    /// Makes a new image from one, as `clone` does.
    ///
    /// # Errors
    /// The class's own.
    pub fn clone_image(&self, source: &Image, name: &str) -> Result<Image> {
        let empty = self.new_image(name, source.class());
        let image = Image::new(
            empty.name().clone(),
            source.class(),
            source.attributes().clone(),
            empty.directory().to_owned(),
        );
        let request = StepRequest {
            class: String::new(),
            step: steps::CLONE.to_owned(),
            image: Some(image.clone()),
            name: None,
            source: Some(source.clone()),
            arguments: Arguments::default(),
            attrs: Attributes::new(),
        };
        let done = self.chain(source.class()).and_then(|chain| self.run_along(&chain, &request));
        let image = self.ended(done)?.image.unwrap_or(image);
        self.register(&image);
        Ok(image)
    }

    fn ended<T>(&self, done: Result<T>) -> Result<T> {
        match done {
            Ok(value) => self.end_action().map(|()| value),
            Err(error) => self.undo_everything().and(Err(error)),
        }
    }

    /// A class and those it is built on, with their names.
    fn chain(&self, class: &str) -> Result<Vec<(String, Known)>> {
        let state = self.state();
        let mut chain: Vec<(String, Known)> = Vec::new();
        let mut next = Some(class.to_owned());
        while let Some(name) = next.take() {
            let known = state.classes.get(&name).filter(|_| chain.iter().all(|(above, _)| *above != name));
            let missing = || Error::new(ErrorKind::NOT_FOUND, format!("the test host knows no class {name}"));
            let known = known.ok_or_else(missing)?.clone();
            next.clone_from(&known.base);
            chain.push((name, known));
        }
        Ok(chain)
    }

    pub(super) fn run_call(&self, call: StepCall) -> Result<StepReply> {
        let StepCall { base_of, request } = call;
        let image = request.image.as_ref();
        let class = image
            .ok_or_else(|| Error::usage(format!("step {} came without an image", request.step)))?
            .class();
        let mut chain = self.chain(class)?;
        if let Some(above) = base_of {
            let at = chain.iter().position(|(name, _)| *name == above);
            let at = at.ok_or_else(|| Error::usage(format!("class {class} is not built on {above}")))?;
            chain.drain(..=at);
        }
        self.run_along(&chain, &request)
    }

    fn run_along(&self, chain: &[(String, Known)], request: &StepRequest) -> Result<StepReply> {
        for (name, known) in chain {
            let request = StepRequest { class: name.clone(), ..request.clone() };
            match known.steps.run(request, &self.host(name)) {
                Err(error) if error.kind == ErrorKind::NOT_DEFINED => {}
                outcome => return outcome,
            }
        }
        let mut image = request.image.clone();
        match request.step.as_str() {
            steps::SHOW => {}
            steps::SET_KERNEL => {
                let kernel = request.attrs.get("kernel").cloned().unwrap_or_default();
                let kernel: Kernel = serde_json::from_value(kernel)?;
                if let Some(image) = &mut image {
                    image.set_kernel(&kernel);
                }
            }
            step => return Err(Error::not_defined(step)),
        }
        Ok(StepReply { image, value: Value::Null })
    }
}
