//! Parameters of an action from words, as a command line or a web form has them.

use super::manager::ImageManager;
use disklessset_plugin_api::{ActionSpec, Error, ParamKind, ParamSpec, Placement, Raw, Result};
use std::collections::{BTreeMap, btree_map::Entry};

impl ImageManager<'_> {
    /// The parameters of an action from words of the form `NAME=VALUE`, for [`ImageManager::run_action`].
    ///
    /// NAME is a parameter's name in parameters files or its flag on the command line. A parameter with several values is given several
    /// times; a switch is `yes` or `no`. A secret is its value: nothing is read from files. The values are checked when the action is run.
    ///
    /// # Errors
    /// When no such class or action is there, a word has no `=`, or the action has no such parameter, or has it once only.
    pub fn parameters_from_text<'t>(
        &self,
        class: &str,
        words: &str,
        given: impl IntoIterator<Item = &'t str>,
    ) -> Result<BTreeMap<String, Raw>> {
        parameters(&self.action(class, words)?, given)
    }
}

fn parameters<'t>(
    action: &ActionSpec,
    given: impl IntoIterator<Item = &'t str>,
) -> Result<BTreeMap<String, Raw>> {
    let mut parameters = BTreeMap::new();
    for word in given {
        // The value may be a secret: only the name is shown.
        let (name, value) = word.split_once('=').ok_or_else(|| {
            Error::usage(format!("a parameter of {} is not of the form NAME=VALUE", action.words))
        })?;
        let param = named(action, name)
            .ok_or_else(|| Error::usage(format!("action {} has no parameter {name:?}", action.words)))?;
        let is_list = param.repeated || param.kind == ParamKind::Command;
        match (parameters.entry(param.name.clone()), is_list) {
            (Entry::Vacant(place), false) => {
                place.insert(Raw::Text(value.to_owned()));
            }
            (Entry::Vacant(place), true) => {
                place.insert(Raw::List(vec![value.to_owned()]));
            }
            (Entry::Occupied(mut place), true) => {
                if let Raw::List(values) = place.get_mut() {
                    values.push(value.to_owned());
                }
            }
            (Entry::Occupied(_), false) => {
                return Err(Error::usage(format!("{} is given more than once", param.name)));
            }
        }
    }
    Ok(parameters)
}

/// A name in parameters files comes first: it is the one that never means two things.
fn named<'a>(action: &'a ActionSpec, name: &str) -> Option<&'a ParamSpec> {
    let known = |param: &&ParamSpec| param.placement != Placement::Nowhere;
    let by_name = action.params.iter().filter(known).find(|param| param.name == name);
    by_name.or_else(|| action.params.iter().filter(known).find(|param| param.flag == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action() -> ActionSpec {
        ActionSpec::create("Create a sample image")
            .param(ParamSpec::flag("livenet_size", ParamKind::Text, "Its size").as_flag("size"))
            .param(ParamSpec::flag("package", ParamKind::Package, "A package").repeated())
    }

    #[test]
    fn words_become_parameters_by_name_and_by_flag() {
        let given = parameters(&action(), ["size=1G=1024M", "package=vim", "package=less"]).unwrap();
        let packages = Raw::List(vec!["vim".to_owned(), "less".to_owned()]);
        let expected = [("livenet_size", Raw::Text("1G=1024M".to_owned())), ("package", packages)];
        assert_eq!(given, expected.map(|(name, raw)| (name.to_owned(), raw)).into());
        assert_eq!(
            parameters(&action(), ["livenet_size="]).unwrap()["livenet_size"],
            Raw::Text(String::new())
        );
    }

    #[test]
    fn words_that_are_no_parameters_are_refused_without_showing_values() {
        for (wrong, part) in [
            (&["secret"][..], "NAME=VALUE"),
            (&["colour=secret"], "no parameter \"colour\""),
            (&["size=secret", "livenet_size=2"], "livenet_size is given more than once"),
        ] {
            let error = parameters(&action(), wrong.iter().copied()).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("secret"), "{error}");
        }
    }
}
