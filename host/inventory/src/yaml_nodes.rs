//! YAML of our own: what `node list --format yaml` prints, and the node file.

use crate::{
    entry::{Entry, Found},
    error::ReadError,
    text::{KeyLines, quoted},
};
use serde_yaml::{Mapping, Value};

/// What may be said of a node.
const KEYS: [&str; 8] =
    ["name", "mac", "address", "alias", "pool", "image", "kernel_parameters", "variables"];

/// A document that is a mapping, without a key twice.
pub(crate) fn document(text: &str) -> Result<Mapping, ReadError> {
    disklessset_core::yaml::from_str::<Mapping>(text).map_err(ReadError::whole)
}

pub(crate) fn read(source: &str) -> Result<Found, ReadError> {
    let document = document(source)?;
    let mut found = Found { whole: true, ..Found::default() };
    match document.get("nodes") {
        Some(Value::Mapping(nodes)) => {
            let mut lines = KeyLines::behind(source, "nodes");
            for (name, node) in nodes {
                let name = key(name);
                let line = lines.of(&name);
                found.entries.push(entry(Entry::named(&name, line), node)?);
            }
        }
        Some(Value::Sequence(nodes)) => {
            for node in nodes {
                let name = mapping(Some(node)).and_then(|node| text(node.get("name"))).unwrap_or_default();
                found.entries.push(entry(Entry::named(&name, None), node)?);
            }
        }
        Some(Value::Null) => {}
        _ => {
            return Err(ReadError::whole(
                "it has no `nodes`, as `disklessset node list --format yaml` prints them",
            ));
        }
    }
    if document.contains_key("pools") {
        found.passed_over.push("pools: `disklessset pool set` makes them".to_owned());
    }
    Ok(found)
}

fn entry(mut entry: Entry, node: &Value) -> Result<Entry, ReadError> {
    let (name, line) = (entry.name.clone(), entry.line);
    let refuse = |what: String| Err(ReadError::near(line, format!("node {}: {what}", quoted(&name))));
    let node = match node {
        Value::Mapping(node) => node,
        Value::Null => return Ok(entry),
        _ => return refuse("what is said of a node is a mapping".to_owned()),
    };
    if let Some(unknown) = node.keys().map(key).find(|key| !KEYS.contains(&key.as_str())) {
        return refuse(format!("{} is not known; there are {}", quoted(&unknown), KEYS.join(", ")));
    }
    let wrong =
        |key: &str| matches!(node.get(key), Some(Value::Mapping(_) | Value::Sequence(_) | Value::Tagged(_)));
    if let Some(word) = ["address", "pool", "image", "kernel_parameters"].into_iter().find(|key| wrong(key)) {
        return refuse(format!("{word} is one text"));
    }
    let said = |key: &str| text(node.get(key)).filter(|text| !text.is_empty());
    entry.macs = list(node.get("mac"));
    entry.address = said("address");
    entry.aliases = list(node.get("alias"));
    entry.pool = said("pool");
    entry.image = said("image");
    entry.kernel_parameters = said("kernel_parameters");
    for (name, value) in mapping(node.get("variables")).into_iter().flatten() {
        match text(Some(value)) {
            Some(value) => entry.variables.push((key(name), value)),
            None => return refuse(format!("the variable {} is not one text", quoted(&key(name)))),
        }
    }
    Ok(entry)
}

pub(crate) fn mapping(value: Option<&Value>) -> Option<&Mapping> {
    value.and_then(Value::as_mapping)
}

/// A text, or a number or a truth that somebody wrote without quotes.
pub(crate) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

/// A list of texts, or one of them alone.
pub(crate) fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Sequence(items)) => items.iter().filter_map(|item| text(Some(item))).collect(),
        other => text(other).into_iter().collect(),
    }
}

/// A key as text: names of nodes may look like numbers.
pub(crate) fn key(value: &Value) -> String {
    text(Some(value)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_file_and_a_list_say_the_same() {
        let said = "mac: [52:54:00:00:00:01, 52:54:00:00:00:02], address: 10.0.0.1, alias: one, pool: compute, kernel_parameters: quiet, \
                    variables: {row: 7}";
        let file =
            read(&format!("format: 1\npools: {{compute: {{}}}}\nnodes:\n  c1: {{{said}}}\n  c2:\n")).unwrap();
        let listed = read(&format!("format: 1\nnodes:\n- {{name: c1, {said}}}\n- name: c2\n")).unwrap();
        let without_lines = |found: &Found| {
            found.entries.iter().map(|entry| Entry { line: None, ..entry.clone() }).collect::<Vec<_>>()
        };
        assert_eq!(without_lines(&file), without_lines(&listed));
        assert_eq!((file.entries[0].line, file.entries[1].line), (Some(4), Some(5)));
        assert_eq!((file.entries[0].macs.len(), file.passed_over.len()), (2, 1));
    }

    #[test]
    fn what_is_no_node_is_told_in_one_line() {
        for text in [
            "",
            "[]",
            "nodes: 7",
            "nodes: {c1: 7}",
            "nodes: {c1: {mca: x}}",
            "nodes: {c1: {address: [a]}}",
            "nodes:\n  c1: {}\n  c1: {}\n",
            "nodes: {c1: {variables: {a: [b]}}}",
        ] {
            let told = read(text).unwrap_err().to_string();
            assert!(!told.contains('\n') && !told.is_empty(), "{told}");
        }
    }
}
