//! Between the steps that the host asks of a source and the trait of its author.

use crate::{
    Host, SourceCheck, SourceDescription, TreeBuild, TreeSource,
    error::{Error, Result},
    messages::{StepReply, StepRequest, steps},
};
use serde_json::Value;

/// The steps of a source by name.
pub trait SourceSteps: Send + Sync {
    /// Its description.
    fn describe(&self, name: &str) -> SourceDescription;
    /// Runs one step.
    ///
    /// # Errors
    /// The step's own, or not-defined.
    fn run(&self, request: StepRequest, host: &Host<'_>) -> Result<StepReply>;
}

/// A source that a module brings.
pub struct Brought<S>(pub S);

impl<S: TreeSource> SourceSteps for Brought<S> {
    fn describe(&self, name: &str) -> SourceDescription {
        SourceDescription { name: name.to_owned(), spec: self.0.describe() }
    }

    fn run(&self, request: StepRequest, host: &Host<'_>) -> Result<StepReply> {
        let StepRequest { step, arguments, attrs, .. } = request;
        let attribute = |name: &str| attrs.get(name).cloned().unwrap_or_default();
        let value = match step.as_str() {
            steps::CHECK => {
                let complete = attribute("complete").as_bool().unwrap_or(true);
                let refusals = self.0.check(&SourceCheck { arguments: &arguments, complete }, host)?;
                serde_json::to_value(refusals)?
            }
            steps::BUILD => {
                let text = |name: &str| -> Result<String> { Ok(serde_json::from_value(attribute(name))?) };
                let request = serde_json::from_value(attribute("wish"))?;
                let build = TreeBuild::new(arguments, request, text("tree")?, text("scratch")?);
                self.0.build(&build, host)?;
                Value::Null
            }
            other => return Err(Error::not_defined(other)),
        };
        Ok(StepReply { image: None, value })
    }
}
