//! One thing with its facts, as a tree.

use super::escape;
use serde_json::Value;

/// Draws a value below a title: objects and lists become branches, everything else a leaf.
pub(crate) fn render(title: &str, value: &Value) -> String {
    let mut text = format!("{}\n", escape::line(title));
    branches(&mut text, "", value);
    text
}

fn branches(text: &mut String, indent: &str, value: &Value) {
    let children: Vec<(Option<&str>, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (Some(key.as_str()), value)).collect(),
        Value::Array(list) => list.iter().map(|value| (None, value)).collect(),
        _ => Vec::new(),
    };
    let last = children.len().saturating_sub(1);
    for (index, (key, child)) in children.into_iter().enumerate() {
        let (joint, below) = if index == last { ("└── ", "    ") } else { ("├── ", "│   ") };
        text.push_str(indent);
        text.push_str(joint);
        if let Some(key) = key {
            text.push_str(&escape::line(key));
            text.push(':');
        }
        match (leaf(child), key) {
            (Some(leaf), Some(_)) => {
                text.push(' ');
                text.push_str(&escape::line(&leaf));
                text.push('\n');
            }
            (Some(leaf), None) => {
                text.push_str(&escape::line(&leaf));
                text.push('\n');
            }
            (None, Some(_)) => {
                text.push('\n');
                branches(text, &format!("{indent}{below}"), child);
            }
            (None, None) => {
                text.push_str("•\n");
                branches(text, &format!("{indent}{below}"), child);
            }
        }
    }
}

/// A value that fits on its line; short lists of plain values do.
fn leaf(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("-".to_owned()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(map) if map.is_empty() => Some("-".to_owned()),
        Value::Object(_) => None,
        Value::Array(list) => {
            let leaves: Option<Vec<String>> = list.iter().filter(|item| !item.is_array()).map(leaf).collect();
            let joined = leaves.filter(|leaves| leaves.len() == list.len())?.join(", ");
            match joined {
                empty if empty.is_empty() => Some("-".to_owned()),
                short if short.len() <= 60 => Some(short),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_as_a_tree() {
        let value = serde_json::json!({
            "status": "CREATED",
            "attributes": {"kernel": "vmlinuz-6.1.0", "selinux": false, "additional_packages": ["vim", "tmux"],
                           "message": "two\nlines"},
            "facts": {},
            "pid": null,
        });
        insta::assert_snapshot!(render("web01", &value), @r"
        web01
        ├── attributes:
        │   ├── additional_packages: vim, tmux
        │   ├── kernel: vmlinuz-6.1.0
        │   ├── message: two\nlines
        │   └── selinux: no
        ├── facts: -
        ├── pid: -
        └── status: CREATED
        ");
    }
}
