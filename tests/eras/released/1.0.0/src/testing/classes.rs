//! Classes that the test host knows: their steps as the host runs them, along the classes that build on each other.

use super::TestHost;
use crate::{
    ActionCheck, ActionSpec, Arguments, Attributes, BootContext, Boots, DerivedImageClass, Image, ImageClass,
    ImageName, Kernel, KernelVersion, Lookup, Raw, Refusal, Role,
    adapter::{Derived, Own, Steps},
    error::{Error, ErrorKind, Result},
    messages::{StepCall, StepReply, StepRequest, steps},
};
use camino::Utf8Path;
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

    /// The actions of a class: its own, and those of the classes it is built on as it has them.
    ///
    /// # Errors
    /// When the class or one below is not known here, or one gives no sense.
    pub fn actions(&self, class: &str) -> Result<Vec<ActionSpec>> {
        let mut all = self.actions_along(class)?;
        let sources = self.sources();
        all.iter_mut().for_each(|action| action.offer_sources(&sources));
        Ok(all)
    }

    fn actions_along(&self, class: &str) -> Result<Vec<ActionSpec>> {
        let mut all: Vec<ActionSpec> = Vec::new();
        for (name, known) in self.chain(class)?.into_iter().rev() {
            let own = known.steps.describe(&name).actions;
            let creates = own.iter().any(|own| own.role == Role::Create);
            all.retain(|other| !own.iter().any(|own| own.words == other.words));
            all.retain(|other| !(creates && other.role == Role::Create));
            if known.base.is_some() {
                all = self.refined(&name, &known, &all)?;
            }
            all = own.into_iter().chain(all).collect();
        }
        Ok(all)
    }

    fn refined(&self, name: &str, known: &Known, inherited: &[ActionSpec]) -> Result<Vec<ActionSpec>> {
        let attrs = Attributes::from([("actions".to_owned(), serde_json::to_value(inherited)?)]);
        let request = StepRequest { class: name.to_owned(), attrs, ..StepRequest::new("", steps::REFINE) };
        let reply = known.steps.run(request, &self.host(name))?;
        let refined: Vec<Option<ActionSpec>> = serde_json::from_value(reply.value)?;
        Ok(refined.into_iter().flatten().collect())
    }

    /// Has every class of a chain clean up after a creation of this name that crashed, the derived one first.
    ///
    /// # Errors
    /// The first one's that failed.
    pub fn clean(&self, class: &str, name: &ImageName) -> Result<()> {
        let mut cleaned = Ok(());
        for (class, known) in self.chain(class)? {
            let request = StepRequest {
                class: class.clone(),
                name: Some(name.clone()),
                ..StepRequest::new("", steps::CLEAN)
            };
            match known.steps.run(request, &self.host(&class)) {
                Err(error) if error.kind != ErrorKind::NOT_DEFINED => cleaned = cleaned.and(Err(error)),
                _ => {}
            }
        }
        cleaned
    }

    /// Runs an action about all images of a class.
    ///
    /// # Errors
    /// The class's own, or what of the arguments is refused.
    pub fn run_overview(&self, class: &str, words: &str, given: &[(&str, &str)]) -> Result<Value> {
        let arguments = self.arguments(class, words, given)?;
        let attrs = Attributes::from([("words".to_owned(), words.into())]);
        let request = StepRequest { arguments, attrs, ..StepRequest::new("", steps::OVERVIEW) };
        let done = self.chain(class).and_then(|chain| self.run_along(&chain, &request));
        self.ended(done).map(|reply| reply.value)
    }

    /// Removes an image as `remove` does: the class may object, and takes away what is outside of its directory.
    ///
    /// # Errors
    /// The class's own.
    pub fn remove(&self, image: &Image) -> Result<()> {
        let image_of = |step| StepRequest { image: Some(image.clone()), ..StepRequest::new("", step) };
        let chain = self.chain(image.class())?;
        match self.run_along(&chain, &image_of(steps::CHECK_REMOVAL)) {
            Err(error) if error.kind != ErrorKind::NOT_DEFINED => return Err(error),
            _ => {}
        }
        std::fs::remove_dir_all(image.directory())?;
        self.run_along(&chain, &image_of(steps::REMOVE))?;
        self.state().images.remove(image.name().as_str());
        self.undo_everything()
    }

    /// The arguments of an action as the command line would give them, checked against its declaration: parameter names
    /// with what was typed. Kernels and images are taken to be there.
    ///
    /// # Errors
    /// What is refused, and when no class of the chain declares such an action.
    pub fn arguments(&self, class: &str, words: &str, given: &[(&str, &str)]) -> Result<Arguments> {
        let spec = self.actions(class)?.into_iter().find(|spec| spec.words == words);
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
        spec.check(raw, &Everything).map_err(|refusals| {
            let mut error =
                Error::usage(format!("action {words} of class {class} does not take these parameters"));
            error.causes.extend(refusals.iter().map(ToString::to_string));
            error
        })
    }

    /// Has the class check an action, as the host does before it runs one.
    ///
    /// # Errors
    /// The class's own, or what of the arguments it refuses.
    pub fn check(&self, image: &Image, words: &str, arguments: &Arguments) -> Result<()> {
        let look = StepRequest::check(&ActionCheck::new(words, arguments));
        let look = StepRequest { image: Some(image.clone()), ..look };
        let reply = self.run_along(&self.chain(image.class())?, &look)?;
        let refusals: Vec<Refusal> = serde_json::from_value(reply.value)?;
        Refusal::error_of(&refusals).map_or(Ok(()), Err)
    }

    /// Makes an image by the class's own creation, as the host does: arguments checked, what the class acquired for the action
    /// undone when it is done, all of it when it fails.
    ///
    /// # Errors
    /// The class's own, or what of the arguments is refused.
    pub fn create(&self, name: &str, class: &str, given: &[(&str, &str)]) -> Result<Image> {
        let actions = self.actions(class)?;
        let words = actions.into_iter().find(|spec| spec.role == Role::Create).map(|spec| spec.words);
        let words = words.ok_or_else(|| Error::usage(format!("class {class} declares no creation")))?;
        let arguments = self.arguments(class, &words, given)?;
        let name = ImageName::parse(name).map_err(|cause| Error::usage(cause.to_string()))?;
        let directory = self.places().images.join(name.as_str());
        self.check(&Image::new(name.clone(), class, BTreeMap::new(), directory), &words, &arguments)?;
        let mut image = self.new_image(name.as_str(), class);
        let done = self.run_step(&mut image, steps::CREATE, arguments, Attributes::new());
        let done = done.and_then(|value| self.boot_file(&image).map(|_| value));
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
        self.check(image, words, &arguments)?;
        let attrs = Attributes::from([("words".to_owned(), words.into())]);
        let done = self.run_step(image, steps::ACTION, arguments, attrs);
        let done = done.and_then(|value| self.boot_file(image).map(|_| value));
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
        let (subject, name) = (Some(image.clone()), Some(image.name().clone()));
        let request = StepRequest { image: subject, name, arguments, attrs, ..StepRequest::new("", step) };
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
        let (subject, from) = (Some(image.clone()), Some(source.clone()));
        let request = StepRequest { image: subject, source: from, ..StepRequest::new("", steps::CLONE) };
        let done = self.chain(source.class()).and_then(|chain| self.run_along(&chain, &request));
        let done = done.and_then(|reply| {
            let image = reply.image.unwrap_or(image);
            self.boot_file(&image).map(|_| image)
        });
        let image = self.ended(done)?;
        self.register(&image);
        Ok(image)
    }

    /// The boot file of an image, which the host writes whenever it made, cloned or changed one: so do
    /// [`Self::create`], [`Self::clone_image`] and [`Self::run_action`].
    ///
    /// # Errors
    /// The class's own; what the host refuses of a boot file ([`Boots::check`]).
    pub fn boot_file(&self, image: &Image) -> Result<String> {
        let places = self.places();
        let url = |place: &Utf8Path| {
            let below = place.strip_prefix(self.root().join("var/www/html")).unwrap_or(place);
            format!("http://${{next-server}}/{below}")
        };
        let image_url = url(&places.images.join(image.name().as_str()));
        let context = BootContext::of(image, image_url, &url(&places.kernels))?;
        let ask = |step: &str, attrs: Attributes| {
            self.run_step(&mut image.clone(), step, Arguments::default(), attrs)
        };
        let boots: Boots = match ask(steps::BOOTS, Attributes::new()) {
            Err(error) if error.kind == ErrorKind::NOT_DEFINED => Boots::default(),
            answer => serde_json::from_value(answer?)?,
        };
        let attrs = Attributes::from([("boot".to_owned(), serde_json::to_value(&context)?)]);
        let text: String = serde_json::from_value(ask(steps::BOOT_FILE, attrs)?)?;
        boots.check(&text, &context, image)?;
        Ok(text)
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
        let class = request.image.as_ref().map(Image::class).or(base_of.as_deref());
        let class =
            class.ok_or_else(|| Error::usage(format!("step {} came without an image", request.step)))?;
        let mut chain = self.chain(class)?;
        if let Some(above) = &base_of {
            let at = chain.iter().position(|(name, _)| name == above);
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
