//! A source of OS trees alone, without an image: what `module check` asks of it.

use super::{manager::ImageManager, services};
use crate::operation::Reading;
use camino::Utf8Path;
use disklessset_plugin_api::{
    Arguments, Attributes, Error, Raw, Refusal, Result, TreeRequest, check_arguments,
    messages::{SourceCall, steps},
};
use std::collections::BTreeMap;

impl ImageManager<'_> {
    /// Has a source look at arguments, by the names that they have in parameters files.
    ///
    /// # Errors
    /// What of them is refused; what speaks against the source itself.
    pub fn check_source(&self, source: &str, given: BTreeMap<String, Raw>) -> Result<()> {
        let attrs = Attributes::from([("complete".to_owned(), true.into())]);
        let arguments = self.arguments_of_source(source, given)?;
        let answer = self.source_step(source, steps::CHECK, arguments, attrs)?;
        let refusals: Vec<Refusal> = serde_json::from_value(answer).map_err(|cause| {
            Error::failed(format!("source {source} gives no answer that can be understood")).because(cause)
        })?;
        Refusal::error_of(&refusals).map_or(Ok(()), Err)
    }

    /// Has a source make a tree in a directory.
    ///
    /// # Errors
    /// The source's own; when what it made is no operating system of root's.
    pub fn build_from_source(
        &self,
        source: &str,
        given: BTreeMap<String, Raw>,
        tree: &Utf8Path,
        scratch: &Utf8Path,
    ) -> Result<()> {
        let mut request = TreeRequest::default();
        request.package_set = "CORE".to_owned();
        let attrs = Attributes::from([
            ("wish".to_owned(), serde_json::to_value(request)?),
            ("tree".to_owned(), tree.as_str().into()),
            ("scratch".to_owned(), scratch.as_str().into()),
        ]);
        let arguments = self.arguments_of_source(source, given)?;
        self.source_step(source, steps::BUILD, arguments, attrs)?;
        if tree.join("etc/passwd").symlink_metadata().is_err() {
            return Err(Error::failed("it made no operating system: its tree has no etc/passwd"));
        }
        Ok(())
    }

    fn arguments_of_source(&self, source: &str, mut given: BTreeMap<String, Raw>) -> Result<Arguments> {
        let description = self.site.classes.source(source)?;
        let params = &description.spec.params;
        let own = params.iter().filter_map(|param| {
            Some((param.name.clone(), given.remove(&description.parameter(&param.name))?))
        });
        let own: BTreeMap<String, Raw> = own.collect();
        check_arguments(params, own, self)
            .map_err(|refusals| Refusal::error_of(&refusals).unwrap_or_else(|| Error::usage("it is refused")))
    }

    fn source_step(
        &self,
        source: &str,
        step: &str,
        arguments: Arguments,
        attrs: Attributes,
    ) -> Result<serde_json::Value> {
        let (source, step) = (source.to_owned(), step.to_owned());
        let reading = Reading::overview(self.site, "");
        services::source_step(&reading, SourceCall { source, step, arguments, attrs })
    }
}
