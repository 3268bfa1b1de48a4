//! How a definition differs from what an image was made from, key by key.

use super::{origin, secrets};
use crate::versions::MadeFrom;
use disklessset_plugin_api::{Arguments, ParamKind, ParamSpec};
use serde::Serialize;
use serde_json::Value;

/// A key of a definition that has another value than the image was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DefinitionChange {
    /// The key.
    pub key: String,
    /// Its value then.
    pub old: Option<String>,
    /// Its value now.
    pub new: Option<String>,
}

/// What differs. `arguments` are those of the new definition: only they have its secrets.
pub(super) fn between(
    old: &MadeFrom,
    new: &MadeFrom,
    params: &[ParamSpec],
    arguments: &Arguments,
) -> Vec<DefinitionChange> {
    params
        .iter()
        .filter_map(|param| match param.kind {
            ParamKind::Secret => of_secret(old, new, param, arguments),
            _ => of_value(old, new, param),
        })
        .collect()
}

fn of_value(old: &MadeFrom, new: &MadeFrom, param: &ParamSpec) -> Option<DefinitionChange> {
    // What came to a class later had its default before.
    let value = |made: &MadeFrom| made.arguments.get(&param.name).or(param.default.as_ref()).cloned();
    let (before, after) = (value(old), value(new));
    let content = |made: &MadeFrom, value: &Option<Value>| contents(made, param, value.as_ref());
    if content(old, &before) == content(new, &after) {
        return None;
    }
    let (before, after) = (before.as_ref().and_then(shown), after.as_ref().and_then(shown));
    changed(&param.name, before, after)
}

fn of_secret(
    old: &MadeFrom,
    new: &MadeFrom,
    param: &ParamSpec,
    arguments: &Arguments,
) -> Option<DefinitionChange> {
    let (before, after) = (old.secrets.get(&param.name), new.secrets.get(&param.name));
    let same = match (before, arguments.0.get(&param.name)) {
        (None, None) => true,
        (Some(before), Some(secret)) => secrets::is_same(&origin::text_of(secret), &before.hash),
        _ => false,
    };
    let file = |kept: &crate::versions::KeptSecret| match &kept.file {
        Some(file) => file.to_string(),
        None => "(not from a file)".to_owned(),
    };
    match same {
        true => None,
        false => changed(&format!("{}_file", param.name), before.map(file), after.map(file)),
    }
}

fn changed(key: &str, old: Option<String>, new: Option<String>) -> Option<DefinitionChange> {
    let new = match new {
        Some(new) if old.as_ref() == Some(&new) => Some(format!("{new} (with other content)")),
        new => new,
    };
    Some(DefinitionChange { key: key.to_owned(), old, new })
}

/// A value with the digests of files in place of their paths: a file that only lies elsewhere is the same.
fn contents(made: &MadeFrom, param: &ParamSpec, value: Option<&Value>) -> Value {
    let content = |value: &Value| {
        let file = value.as_str().and_then(|text| origin::file_behind(&param.kind, text));
        let digest = file.and_then(|file| made.files.get(&file));
        digest.map_or_else(|| value.clone(), |digest| Value::String(digest.clone()))
    };
    match value {
        None | Some(Value::Null) => Value::Null,
        // Nothing is what an empty list is.
        Some(Value::Array(items)) if items.is_empty() => Value::Null,
        Some(Value::Array(items)) => Value::Array(items.iter().map(content).collect()),
        // A switch that is not on is off.
        Some(Value::Bool(false)) => Value::Null,
        Some(value) => content(value),
    }
}

/// A value for people.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(shown).collect();
            Some(format!("[{}]", items.join(", ")))
        }
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::KeptSecret;
    use std::collections::BTreeMap;

    fn made(arguments: &[(&str, Value)], files: &[(&str, &str)]) -> MadeFrom {
        MadeFrom {
            class: "A".into(),
            arguments: arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            secrets: BTreeMap::new(),
            files: files.iter().map(|(path, digest)| ((*path).into(), (*digest).to_owned())).collect(),
            without_login: Vec::new(),
            edits: Vec::new(),
        }
    }

    fn params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::flag("kernel", ParamKind::Kernel { from_image: true }, ""),
            ParamSpec::flag("run", ParamKind::Path, ""),
            ParamSpec::flag("selinux", ParamKind::Flag, "").default(false),
            ParamSpec::flag("packages", ParamKind::Package, ""),
            ParamSpec::flag("password", ParamKind::Secret, ""),
        ]
    }

    fn keys(old: &MadeFrom, new: &MadeFrom, arguments: &Arguments) -> Vec<String> {
        between(old, new, &params(), arguments).into_iter().map(|change| change.key).collect()
    }

    #[test]
    fn a_value_differs_when_the_image_would_and_a_file_by_its_content() {
        let none = Arguments::default();
        let old = made(&[("kernel", "6.1".into()), ("run", "/a/run".into())], &[("/a/run", "one")]);
        let moved = made(
            &[("kernel", "6.1".into()), ("run", "/b/run".into()), ("selinux", false.into())],
            &[("/b/run", "one")],
        );
        assert_eq!(keys(&old, &moved, &none), [] as [&str; 0]);
        let other = made(&[("kernel", "6.2".into()), ("run", "/a/run".into())], &[("/a/run", "two")]);
        assert_eq!(keys(&old, &other, &none), ["kernel", "run"]);
        let change = &between(&old, &other, &params(), &none)[1];
        assert_eq!(change.new.as_deref(), Some("/a/run (with other content)"));
        let more = made(
            &[("kernel", "6.1".into()), ("run", "/a/run".into()), ("packages", serde_json::json!(["vim"]))],
            &[("/a/run", "one")],
        );
        assert_eq!(keys(&old, &more, &none), ["packages"]);
    }

    #[test]
    fn a_secret_differs_by_what_it_is_and_is_not_shown() {
        let mut old = made(&[], &[]);
        let hash = secrets::hash("s3cret").unwrap();
        old.secrets.insert("password".into(), KeptSecret { file: None, hash });
        let mut new = made(&[], &[]);
        let kept = KeptSecret { file: Some("/pw".into()), hash: secrets::hash("s3cret").unwrap() };
        new.secrets.insert("password".into(), kept);
        let given = |secret: &str| Arguments::default().with("password", secret);
        assert_eq!(keys(&old, &new, &given("s3cret")), [] as [&str; 0]);
        let changes = between(&old, &new, &params(), &given("other"));
        assert_eq!(changes[0].key, "password_file");
        assert!(!format!("{changes:?}").contains("other)") && !format!("{changes:?}").contains("s3cret"));
    }
}
