//! Values to try an action with: what the user gave, else the declaration's sample, else its default.

use std::collections::BTreeMap;

use disklessset_plugin_api::{ActionSpec, Chosen, ParamKind, ParamSpec};

use super::Value;

/// A kernel that is there in the throw-away root: two files, and nothing that boots.
pub(super) const KERNEL: &str = "6.1.0-check";
/// Another one.
pub(super) const OTHER_KERNEL: &str = "6.1.1-check";

/// The values for the parameters of an action, by their names. `images` gives an image of a class.
///
/// # Errors
/// What is missing: parameters that must be given and have neither sample nor default, and how to give them.
pub(super) fn of(
    action: &ActionSpec,
    given: &BTreeMap<String, Value>,
    images: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, Value>, String> {
    let mut values = BTreeMap::new();
    let mut missing = Vec::new();
    // What is for one word of another one comes when that is settled.
    let (last, first): (Vec<_>, Vec<_>) = action.params.iter().partition(|param| param.only_for.is_some());
    for param in first.into_iter().chain(last) {
        let held = values.iter().map(|(name, value): (&String, &Value)| (name.clone(), value.clone().into()));
        if !Chosen::of(&action.params, &held.collect()).allows(param) {
            continue;
        }
        let value = given.get(&param.name).cloned().or_else(|| own(param)).or_else(|| by_kind(param, images));
        match value {
            Some(value) => drop(values.insert(param.name.clone(), value)),
            None if param.required => missing.push(param.name.clone()),
            None => {}
        }
    }
    if missing.is_empty() {
        return Ok(values);
    }
    let options: Vec<String> = missing.iter().map(|name| format!("--set {name}=VALUE")).collect();
    Err(format!("needs a value for {}: {}", missing.join(", "), options.join(" ")))
}

/// The sample; a default is left to the host, as for somebody who does not give it.
fn own(param: &ParamSpec) -> Option<Value> {
    param.sample.as_ref().and_then(raw)
}

fn by_kind(param: &ParamSpec, images: &dyn Fn(&str) -> Option<String>) -> Option<Value> {
    match &param.kind {
        _ if !param.required || param.default.is_some() => None,
        ParamKind::Kernel { .. } | ParamKind::KernelAlone { .. } => Some(Value::Text(KERNEL.to_owned())),
        ParamKind::Image { class } => images(class).map(|name| match param.repeated {
            true => Value::List(vec![name]),
            false => Value::Text(name),
        }),
        ParamKind::Secret => Some(Value::Text("a secret of the check".to_owned())),
        ParamKind::Choice { choices } => choices.first().cloned().map(Value::Text),
        _ => None,
    }
}

fn raw(value: &serde_json::Value) -> Option<Value> {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        serde_json::Value::Array(items) => items.iter().map(text).collect::<Option<_>>().map(Value::List),
        other => text(other).map(Value::Text),
    }
}

/// The values as a parameters file.
pub(super) fn parameters_file(
    class: &str,
    name: &str,
    values: &BTreeMap<String, Value>,
) -> Result<String, String> {
    let mut data = serde_json::Map::new();
    data.insert("name".to_owned(), name.into());
    data.insert("image_class".to_owned(), class.into());
    for (key, value) in values {
        data.insert(key.clone(), serde_json::to_value(value).map_err(|cause| cause.to_string())?);
    }
    serde_yaml::to_string(&serde_json::json!({ "image_data": data })).map_err(|cause| cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_comes_first_and_what_is_missing_is_named() {
        let text = |name: &str| ParamSpec::flag(name, ParamKind::Text, "");
        let action = ActionSpec::create("x")
            .param(text("sampled").sample("s").required())
            .param(text("defaulted").default("d"))
            .param(text("optional"))
            .param(ParamSpec::flag("kernel", ParamKind::Kernel { from_image: false }, "").required())
            .param(text("needed").required());
        let error = of(&action, &BTreeMap::new(), &|_| None).unwrap_err();
        assert_eq!(error, "needs a value for needed: --set needed=VALUE");
        let given = BTreeMap::from([("needed".to_owned(), Value::Text("x".into()))]);
        let values = of(&action, &given, &|_| None).unwrap();
        let names: Vec<&str> = values.keys().map(String::as_str).collect();
        assert_eq!(names, ["kernel", "needed", "sampled"]);
        let file = parameters_file("A", "a", &values).unwrap();
        assert!(disklessset_core::images::ParametersFile::parse(&file).unwrap().given.len() == 3, "{file}");
    }
}
