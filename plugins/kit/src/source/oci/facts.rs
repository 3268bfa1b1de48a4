//! What an OCI image tells of itself: digest, labels, how a container of it would be started.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// More labels than any image has; the rest is not looked at.
const MOST_LABELS: usize = 256;
/// Longer texts are cut.
const LONGEST: usize = 1000;

/// What an OCI image tells of itself. Texts are somebody else's: they are cut where they are too long, and control characters in them are
/// escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OciFacts {
    /// The digest of its manifest: what has the same is the same image.
    pub digest: String,
    /// The processor it is for, such as `amd64`.
    pub architecture: String,
    /// When it was made, as its maker wrote it.
    pub created: Option<String>,
    /// Labels of its configuration, and annotations of its manifest where no label has their name
    /// (`org.opencontainers.image.title`).
    pub labels: BTreeMap<String, String>,
    /// The environment of a container, `NAME=VALUE`.
    pub env: Vec<String>,
    /// The program of a container with its first arguments.
    pub entrypoint: Vec<String>,
    /// More arguments, or the program where there is no entry point.
    pub command: Vec<String>,
}

impl OciFacts {
    /// A label of those that the image specification names: `title` for `org.opencontainers.image.title`.
    pub fn standard_label(&self, name: &str) -> Option<&str> {
        self.labels.get(&format!("org.opencontainers.image.{name}")).map(String::as_str)
    }
}

/// Reads them off a configuration. What is not of the shape it should have is left out: nothing here is needed to unpack the image.
pub(super) fn of(
    digest: &str,
    annotations: Option<&HashMap<String, String>>,
    configuration: &Value,
) -> OciFacts {
    let of_container = &configuration["config"];
    let labels = of_container["Labels"].as_object().into_iter().flatten();
    let labels = labels.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let mut annotations: Vec<(&str, &str)> =
        annotations.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // Which are cut off must not be a matter of chance.
    annotations.sort_unstable();
    let mut all = BTreeMap::new();
    for (name, value) in labels.chain(annotations) {
        if all.len() < MOST_LABELS {
            all.entry(plain(name)).or_insert_with(|| plain(value));
        }
    }
    OciFacts {
        digest: digest.to_owned(),
        architecture: text(&configuration["architecture"]).unwrap_or_default(),
        created: text(&configuration["created"]),
        labels: all,
        env: list(&of_container["Env"]),
        entrypoint: list(&of_container["Entrypoint"]),
        command: list(&of_container["Cmd"]),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(plain)
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(text).take(MOST_LABELS).collect()
}

fn plain(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let mut out: String = text.chars().take(LONGEST).map(escape).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_come_before_annotations_and_strange_shapes_are_left_out() {
        let configuration = json!({
            "architecture": "amd64", "created": 7,
            "config": {
                "Labels": { "org.opencontainers.image.title": "a\u{1b}[2J", "number": 1 },
                "Env": ["PATH=/bin", 3], "Entrypoint": null, "Cmd": "sh",
            },
        });
        let annotations = HashMap::from([
            ("org.opencontainers.image.title".to_owned(), "other".to_owned()),
            ("org.opencontainers.image.version".to_owned(), "x".repeat(LONGEST + 1)),
        ]);
        let facts = of("sha256:00", Some(&annotations), &configuration);
        assert_eq!(facts.standard_label("title"), Some("a\\u{1b}[2J"));
        assert_eq!(facts.standard_label("version").unwrap().chars().count(), LONGEST + 1);
        assert_eq!((facts.created.clone(), facts.labels.len()), (None, 2));
        assert_eq!(
            (facts.env, facts.entrypoint, facts.command),
            (vec!["PATH=/bin".to_owned()], vec![], vec![])
        );
        assert_eq!(of("sha256:00", None, &json!([])).architecture, "");
    }
}
