//! Sources of OS trees that modules bring: what they declare, and running their steps.

use disklessset_plugin_api::messages::{SourceCall, StepRequest, steps};
use disklessset_plugin_api::{Error, ErrorKind, SourceDescription};
use serde_json::Value;

use super::classes::Classes;
use super::description::DescribedSource;
use super::registry::{ModuleEntry, SourceUnavailable};
use super::session::HostService;

impl Classes {
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
