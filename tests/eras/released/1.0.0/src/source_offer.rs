//! The sources of modules as parameters of actions: how their parameters are named there.

use crate::{ActionSpec, Arguments, ParamKind, ParamSpec, Refusal, SourceSpec};
use serde::{Deserialize, Serialize};

/// A source with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDescription {
    /// The name, as in the note of its module.
    pub name: String,
    /// Its declaration.
    pub spec: SourceSpec,
}

impl SourceDescription {
    /// The name that a parameter of the source has in actions, files and records. Names of sources have no underscore, so that no two
    /// parameters get one name.
    pub fn parameter(&self, own: &str) -> String {
        format!("{}_{own}", self.name)
    }

    /// Its parameters as an action has them whose parameter `source` says where the tree comes from.
    pub fn params(&self, source: &str) -> Vec<ParamSpec> {
        let named = |param: &ParamSpec| ParamSpec {
            name: self.parameter(&param.name),
            flag: format!("{}-{}", self.name, param.flag),
            only_for: Some((source.to_owned(), self.name.clone())),
            ..param.clone()
        };
        self.spec.params.iter().map(named).collect()
    }

    /// Its own arguments among those of an action, by the names that it gave them.
    pub fn arguments(&self, of_action: &Arguments) -> Arguments {
        let own = self.spec.params.iter().filter_map(|param| {
            let value = of_action.0.get(&self.parameter(&param.name))?;
            Some((param.name.clone(), value.clone()))
        });
        Arguments(own.collect())
    }

    /// What it refuses, in the words of an action.
    pub fn refusals(&self, own: Vec<Refusal>) -> Vec<Refusal> {
        let named = |refusal: Refusal| Refusal { parameter: self.parameter(&refusal.parameter), ..refusal };
        own.into_iter().map(named).collect()
    }
}

impl ActionSpec {
    /// Adds the sources of modules to an action that takes a source: their names to the help, and their parameters behind it. A source
    /// one of whose parameters would have the name or flag of another is left out.
    #[doc(hidden)]
    pub fn offer_sources(&mut self, sources: &[SourceDescription]) {
        let takes = |param: &ParamSpec| param.kind == ParamKind::Source;
        let Some(at) = self.params.iter().position(takes) else { return };
        let source = self.params[at].name.clone();
        let mut names = Vec::new();
        let mut offered: Vec<ParamSpec> = Vec::new();
        for description in sources {
            let params = description.params(&source);
            let taken = |new: &ParamSpec| {
                self.params.iter().any(|known| known.name == new.name || known.flag == new.flag)
            };
            if params.iter().any(taken) {
                continue;
            }
            names.push(description.name.as_str());
            offered.extend(params);
            for tool in &description.spec.needs {
                self.needs.push(crate::ToolNeed {
                    tool: tool.clone(),
                    only_for: Some((source.clone(), description.name.clone())),
                });
            }
        }
        if !names.is_empty() {
            self.params[at].help.push_str(&format!(", {}", names.join(", ")));
            self.params.splice(at + 1..at + 1, offered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zypper() -> SourceDescription {
        let spec = SourceSpec::new("Packages of openSUSE")
            .param(ParamSpec::flag("repository", ParamKind::Text, "An address").required())
            .needs("zypper");
        SourceDescription { name: "zypper".to_owned(), spec }
    }

    fn creation() -> ActionSpec {
        ActionSpec::create("Create it")
            .param(ParamSpec::flag("source", ParamKind::Source, "Where from: apt").default("apt"))
            .param(ParamSpec::flag("last", ParamKind::Text, "The last"))
    }

    #[test]
    fn an_action_that_takes_a_source_has_the_parameters_of_all_behind_it() {
        let mut action = creation();
        action.offer_sources(&[zypper()]);
        let names: Vec<&str> = action.params.iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["source", "zypper_repository", "last"]);
        assert_eq!(action.params[0].help, "Where from: apt, zypper");
        assert_eq!(action.params[1].flag, "zypper-repository");
        assert_eq!(action.needs[0].only_for, Some(("source".to_owned(), "zypper".to_owned())));
        let mut other = ActionSpec::create("Create it");
        other.offer_sources(&[zypper()]);
        assert_eq!(other, ActionSpec::create("Create it"));
    }

    #[test]
    fn a_source_whose_parameter_is_taken_is_left_out() {
        let mut action =
            creation().param(ParamSpec::flag("x", ParamKind::Text, "x").as_flag("zypper-repository"));
        let before = action.clone();
        action.offer_sources(&[zypper()]);
        assert_eq!(action, before);
    }

    #[test]
    fn arguments_and_refusals_change_their_names() {
        let all = Arguments::default().with("zypper_repository", "x").with("last", "y");
        assert_eq!(zypper().arguments(&all), Arguments::default().with("repository", "x"));
        let refusals = zypper().refusals(vec![Refusal::new("repository", "is not there")]);
        assert_eq!(refusals[0].parameter, "zypper_repository");
    }
}
