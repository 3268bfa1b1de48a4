//! What must hold between the parameters of an action: rules, and words that a parameter is for.

use crate::{ActionSpec, Arguments, Lookup, ParamSpec, Raw, Refusal, Rule, check_arguments};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The one text that each parameter of an action holds: what was given, or its default. It tells which parameters mean something
/// ([`ParamSpec::only_for`]).
#[derive(Debug, Clone)]
pub struct Chosen(BTreeMap<String, String>);

impl Chosen {
    /// With these given.
    pub fn of(params: &[ParamSpec], given: &BTreeMap<String, Raw>) -> Self {
        let held = |param: &ParamSpec| match given.get(&param.name) {
            Some(Raw::Text(text)) => Some(text.clone()),
            Some(Raw::List(_)) => None,
            None => param.default.as_ref().and_then(Value::as_str).map(str::to_owned),
        };
        Self(params.iter().filter_map(|param| Some((param.name.clone(), held(param)?))).collect())
    }

    /// Whether a parameter means something with these.
    pub fn allows(&self, param: &ParamSpec) -> bool {
        param.applies(|other| self.0.get(other).cloned())
    }

    /// Why one that means nothing must not be given.
    pub(crate) fn refusal(&self, param: &ParamSpec) -> Refusal {
        let (other, word) = param.only_for.clone().unwrap_or_default();
        let reason = match self.0.get(&other) {
            Some(held) => format!("is for {other} {word} only, and {other} is {held}"),
            None => format!("is for {other} {word} only, and {other} is not given"),
        };
        Refusal::new(param.name.as_str(), reason)
    }
}

impl ActionSpec {
    /// Checks everything given for the action: each parameter by itself, then the rules across them.
    ///
    /// # Errors
    /// All refusals of single parameters; when there are none, those of the rules.
    pub fn check(
        &self,
        given: BTreeMap<String, Raw>,
        lookup: &dyn Lookup,
    ) -> Result<Arguments, Vec<Refusal>> {
        let named: BTreeSet<String> = given.keys().cloned().collect();
        let checked = check_arguments(&self.params, given, lookup)?;
        // A default is nothing that somebody said, and neither is a "no".
        let said = |name: &str| named.contains(name) && checked.0.get(name) != Some(&Value::Bool(false));
        let refusals: Vec<Refusal> = self
            .rules
            .iter()
            .filter_map(|rule| match rule {
                Rule::Excludes { one, other } if said(one) && said(other) => {
                    Some(Refusal::new(one, format!("excludes {other}: give one of the two")))
                }
                Rule::Requires { one, other } if said(one) && !said(other) => {
                    Some(Refusal::new(one, format!("needs {other}, which is not given")))
                }
                _ => None,
            })
            .collect();
        if refusals.is_empty() { Ok(checked) } else { Err(refusals) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageName, KernelVersion, ParamKind};

    struct Everything;

    impl Lookup for Everything {
        fn kernel(&self, _version: &KernelVersion) -> Result<(), String> {
            Ok(())
        }
        fn image(&self, _name: &ImageName, _class: &str) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn what_is_for_one_word_of_another_parameter_is_refused_for_others_and_has_no_default_there() {
        let params = [
            ParamSpec::flag("mirror", ParamKind::Text, "").only_for("source", "zypper").default("near"),
            ParamSpec::flag("source", ParamKind::Source, "").default("apt"),
            ParamSpec::flag("repo", ParamKind::Text, "").only_for("source", "zypper").required(),
        ];
        let check = |given: &[(&str, &str)]| {
            let text = |(name, text): &(&str, &str)| ((*name).to_owned(), Raw::Text((*text).to_owned()));
            check_arguments(&params, given.iter().map(text).collect(), &Everything)
        };
        let names = |checked: Arguments| checked.0.into_keys().collect::<Vec<_>>();
        assert_eq!(names(check(&[]).unwrap()), ["source"]);
        let all = check(&[("source", "zypper"), ("repo", "x")]).unwrap();
        assert_eq!(names(all), ["mirror", "repo", "source"]);
        let missing = check(&[("source", "zypper")]).unwrap_err();
        assert_eq!(missing, [Refusal::new("repo", "is missing")]);
        let of_another = check(&[("repo", "x")]).unwrap_err();
        assert_eq!(of_another, [Refusal::new("repo", "is for source zypper only, and source is apt")]);
        // A word that only begins alike is another one.
        assert!(check(&[("source", "zypper2"), ("repo", "x")]).is_err());
    }
}
