//! Sources of OS trees that the test host knows.

use super::TestHost;
use crate::{
    Arguments, Refusal, SourceCheck, SourceDescription, TreeBuild, TreeSource,
    error::{Error, ErrorKind, Result},
    messages::{SourceCall, StepRequest},
    sources::{Brought, SourceSteps},
};
use serde_json::Value;
use std::sync::Arc;

impl TestHost {
    /// Makes a source known under its name: creations of classes that take a source have its parameters then, and build from it.
    pub fn add_source(&self, name: &str, source: impl TreeSource) {
        self.state().sources.insert(name.to_owned(), Arc::new(Brought(source)));
    }

    /// Has a source look at arguments, by the names that it gave them.
    ///
    /// # Errors
    /// The source's own.
    pub fn check_source(&self, name: &str, arguments: &Arguments) -> Result<Vec<Refusal>> {
        self.host("").check_source(name, &SourceCheck::new(arguments))
    }

    /// Has a source make a tree.
    ///
    /// # Errors
    /// The source's own.
    pub fn build_from_source(&self, name: &str, build: &TreeBuild) -> Result<()> {
        self.host("").build_from_source(name, build)
    }

    /// The declarations of all sources.
    pub(super) fn sources(&self) -> Vec<SourceDescription> {
        self.state().sources.iter().map(|(name, source)| source.describe(name)).collect()
    }

    pub(super) fn source(&self, name: &str) -> Result<SourceDescription> {
        Ok(self.known_source(name)?.describe(name))
    }

    pub(super) fn source_step(&self, call: SourceCall) -> Result<Value> {
        let source = self.known_source(&call.source)?;
        Ok(source.run(StepRequest::of_source(call), &self.host(""))?.value)
    }

    fn known_source(&self, name: &str) -> Result<Arc<dyn SourceSteps>> {
        let missing = || Error::new(ErrorKind::NOT_FOUND, format!("no module here brings source {name}"));
        self.state().sources.get(name).cloned().ok_or_else(missing)
    }
}
