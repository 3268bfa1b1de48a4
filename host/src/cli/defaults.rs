//! Defaults as a person reads them: the same words in help, questions, summaries and plans.

use disklessset_core::OsImages;
use disklessset_plugin_api::{ParamKind, ParamSpec, Raw};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a parameter is when nothing is given, as a person would type it.
pub(crate) fn default_of(param: &ParamSpec) -> Option<String> {
    let text = |value: &Value| match (value, &param.kind) {
        (Value::Bool(true), _) => "yes".to_owned(),
        (Value::Bool(false), _) => "no".to_owned(),
        (Value::String(text), ParamKind::Choice { .. }) => text.to_ascii_lowercase(),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    };
    match (&param.default, &param.kind) {
        (None | Some(Value::Null), ParamKind::Flag) => Some("no".to_owned()),
        (None | Some(Value::Null), _) => None,
        (Some(Value::Array(items)), _) if items.is_empty() => None,
        (Some(Value::Array(items)), _) => Some(items.iter().map(text).collect::<Vec<_>>().join(" ")),
        (Some(value), _) => Some(text(value)),
    }
}

/// A line for a plan that says what was left to its default, where that is more than `no`.
pub(crate) fn plan_of(params: &[ParamSpec], given: &BTreeMap<String, Raw>) -> Option<String> {
    let left = params.iter().filter(|param| !given.contains_key(&param.name));
    let shown = left.filter_map(|param| Some((param, default_of(param)?))).filter(|(_, text)| text != "no");
    let all: Vec<String> = shown.map(|(param, text)| format!("{} {text}", param.flag)).collect();
    (!all.is_empty()).then(|| format!("use the defaults: {}", all.join(", ")))
}

/// Lines for a plan that say what would be fetched from registries.
pub(crate) fn fetched(os_images: Option<&dyn OsImages>) -> Vec<String> {
    let found = os_images.map(OsImages::found).unwrap_or_default();
    let line = |image: disklessset_core::FoundOsImage| {
        format!(
            "fetch {} bytes, {} layers for {}, of {}",
            image.bytes, image.layers, image.architecture, image.address
        )
    };
    found.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plan_says_what_was_left_to_its_default() {
        let choice = ParamKind::Choice { choices: vec!["STANDARD".into(), "CORE".into()] };
        let params = [
            ParamSpec::flag("livenet_type", choice, "").as_flag("type").default("STANDARD"),
            ParamSpec::flag("option", ParamKind::Text, "").repeated().default(json!(["rw", "sync"])),
            ParamSpec::flag("selinux", ParamKind::Flag, "").default(false),
            ParamSpec::flag("packages", ParamKind::Package, ""),
        ];
        let line = plan_of(&params, &BTreeMap::new());
        assert_eq!(line.as_deref(), Some("use the defaults: type standard, option rw sync"));
        let given = [("option".to_owned(), Raw::List(vec!["ro".into()]))].into();
        assert_eq!(plan_of(&params, &given).as_deref(), Some("use the defaults: type standard"));
        assert_eq!(plan_of(&params[2..], &given), None);
    }
}
