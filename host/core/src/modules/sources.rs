//! Sources of OS trees that modules bring: what they declare, and running their steps.

use disklessset_plugin_api::messages::{SourceCall, StepRequest, steps};
use disklessset_plugin_api::{ActionSpec, Error, ErrorKind, ParamKind, SourceDescription};
use serde_json::Value;

use super::classes::Classes;
use super::description::DescribedSource;
use super::registry::{ModuleEntry, SourceUnavailable};
use super::session::HostService;
use super::source_rules;

/// A source that an action cannot offer, though both are fine by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutSource {
    /// The name of the source.
    pub source: String,
    /// The module with the action, and the words of the action, such as `livenet create`.
    pub action: String,
    /// Which parameter of the source has the name of a parameter of the action.
    pub reason: String,
}

impl std::fmt::Display for LeftOutSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "source {} cannot be used with {}: {}", self.source, self.action, self.reason)
    }
}

impl LeftOutSource {
    /// What to do about it.
    pub const HINT: &'static str = "the author of one of the two modules has to rename the parameter";
}

impl Classes {
    /// The sources that an action of a module would offer, had it not a parameter itself that has the name
    /// of one of theirs.
    pub fn sources_left_out(&self, module: &str, action: &ActionSpec) -> Vec<LeftOutSource> {
        if !takes_a_source(action) {
            return Vec::new();
        }
        let sources = self.sources();
        let left_out = |source: &SourceDescription| {
            let reason = source_rules::clash(action, source, &sources)?;
            let action = format!("{module} {}", action.words);
            Some(LeftOutSource { source: source.name.clone(), action, reason })
        };
        sources.iter().filter_map(left_out).collect()
    }

    /// All sources that are left out of an action, of all modules in use. Loads these where any module
    /// brings a source; one that cannot be loaded has no actions.
    pub fn all_sources_left_out(&self) -> Vec<LeftOutSource> {
        if !self.registry().ready().any(|module| !module.sources.is_empty()) {
            return Vec::new();
        }
        let mut all: Vec<LeftOutSource> = Vec::new();
        for module in self.registry().ready() {
            for offered in self.actions(&module.name).unwrap_or_default() {
                all.extend(self.sources_left_out(&module.name, &offered.action.spec));
            }
        }
        all
    }

    /// The sources of all modules in use that can be offered, sorted by name. Loads these modules; one that cannot be loaded offers
    /// none.
    pub fn sources(&self) -> Vec<SourceDescription> {
        let mut sources: Vec<SourceDescription> = self
            .registry()
            .ready()
            .filter(|module| !module.sources.is_empty())
            .filter_map(|module| module.load().ok())
            .flat_map(|module| &module.description().sources)
            .filter(|source| source.disabled.is_none())
            .map(|source| source.description.clone())
            .collect();
        sources.sort_by(|one, other| one.name.cmp(&other.name));
        sources
    }

    /// The sources of one module, those included that cannot be offered.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn sources_of(&self, module: &ModuleEntry) -> Result<Vec<DescribedSource>, Error> {
        if module.sources.is_empty() {
            return Ok(Vec::new());
        }
        Ok(module.load()?.description().sources.clone())
    }

    /// The declaration of a source.
    ///
    /// # Errors
    /// [`ErrorKind::NOT_FOUND`] when no module in use brings it; why its module or its declaration cannot be used.
    pub fn source(&self, name: &str) -> Result<SourceDescription, Error> {
        let module = self.module_with(name)?;
        let described = module.load()?.description().sources.iter().find(|own| own.description.name == name);
        let described = described.ok_or_else(|| {
            Error::failed(format!("module {} has no source {name}", module.name))
                .hint("this is a fault of the module: tell its author")
        })?;
        match &described.disabled {
            None => Ok(described.description.clone()),
            Some(reason) => Err(Error::refused(format!("the source {name} cannot be used: {reason}"))
                .hint("this is a fault of the module: tell its author")),
        }
    }

    /// The module in use that brings a source.
    ///
    /// # Errors
    /// [`ErrorKind::NOT_FOUND`], with what its module is not used for where there is one.
    pub fn module_with(&self, source: &str) -> Result<&ModuleEntry, Error> {
        self.registry().module_with(source).map_err(|unavailable| {
            let error = Error::new(ErrorKind::NOT_FOUND, unavailable.to_string());
            match unavailable {
                // Whoever asks knows what else there is.
                SourceUnavailable::NoSource { .. } => error,
                SourceUnavailable::NotUsed { .. } => error.hint("disklessset module list"),
            }
        })
    }

    /// Runs a step of a source.
    ///
    /// # Errors
    /// The step's own; as [`Self::source`].
    pub fn run_source(&self, call: SourceCall, host: &dyn HostService) -> Result<Value, Error> {
        let (name, step) = (call.source.clone(), call.step.clone());
        if ![steps::CHECK, steps::BUILD].contains(&step.as_str()) {
            return Err(Error::usage(format!("a source has no step {step}")));
        }
        let module = self.module_with(&name)?.load()?;
        match module.call(StepRequest::of_source(call), host) {
            Ok(reply) => Ok(reply.value),
            // To the class that asks it would mean that the class itself does not define its step.
            Err(error) if error.kind == ErrorKind::NOT_DEFINED => {
                Err(Error::failed(format!("the source {name} does not define its step {step}"))
                    .hint("this is a fault of the module: tell its author"))
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether an action has a parameter that says where a tree comes from.
pub(super) fn takes_a_source(action: &ActionSpec) -> bool {
    action.params.iter().any(|param| param.kind == ParamKind::Source)
}
