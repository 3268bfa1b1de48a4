//! How the attributes of two records differ. Secrets are said to differ, and never shown.

use super::found::Changed;
use disklessset_plugin_api::Attributes;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Attributes that differ, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AttributeComparison {
    /// In the second record alone.
    pub added: Vec<AttributeChange>,
    /// In the first record alone.
    pub removed: Vec<AttributeChange>,
    /// In both, with other values.
    pub changed: Vec<AttributeChange>,
}

impl AttributeComparison {
    /// Whether any attribute differs.
    pub fn differs(&self) -> bool {
        !(self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty())
    }
}

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttributeChange {
    /// Its name.
    pub name: String,
    /// Whether it is a secret, whose values are not shown.
    pub secret: bool,
    /// The values; none for a secret.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub values: Option<Changed<Value>>,
}

/// Compares attributes but those in `told`, which are told of elsewhere. `is_secret` decides by name and
/// value.
pub(crate) fn compare_attributes(
    old: &Attributes,
    new: &Attributes,
    told: &[&str],
    is_secret: impl Fn(&str, &Value) -> bool,
) -> AttributeComparison {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut found = AttributeComparison::default();
    for name in names.into_iter().filter(|name| !told.contains(&name.as_str())) {
        // Null is as good as not there.
        let value = |of: &Attributes| of.get(name).filter(|value| !value.is_null()).cloned();
        let (before, after) = (value(old), value(new));
        let list = match (&before, &after) {
            (None, Some(_)) => &mut found.added,
            (Some(_), None) => &mut found.removed,
            _ => &mut found.changed,
        };
        let secret = before.iter().chain(&after).any(|value| is_secret(name, value));
        if let Some(values) = Changed::between(before, after) {
            list.push(AttributeChange {
                name: name.clone(),
                secret,
                values: Some(values).filter(|_| !secret),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attributes(value: Value) -> Attributes {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn attributes_that_differ_are_told_and_secrets_are_not_shown() {
        let old = attributes(
            json!({"kernel": "a", "size": "1G", "password": "$6$old", "gone": 1, "same": [1], "null": null}),
        );
        let new =
            attributes(json!({"kernel": "b", "size": "2G", "password": "$6$new", "more": true, "same": [1]}));
        let found = compare_attributes(&old, &new, &["kernel"], |name, _| name == "password");
        let text = serde_json::to_string(&found).unwrap();
        assert!(!text.contains("$6$"), "{text}");
        let told = json!({
            "added": [{"name": "more", "secret": false, "old": null, "new": true}],
            "removed": [{"name": "gone", "secret": false, "old": 1, "new": null}],
            "changed": [{"name": "password", "secret": true},
                        {"name": "size", "secret": false, "old": "1G", "new": "2G"}],
        });
        assert_eq!(serde_json::to_value(&found).unwrap(), told);
        assert!(found.differs() && !compare_attributes(&old, &old, &[], |_, _| false).differs());
    }
}
