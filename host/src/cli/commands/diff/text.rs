//! What `diff` prints for people, files left out. Everything foreign in it is escaped.

use crate::{
    comparison::{AttributeChange, Changed, Which},
    images::ImageComparison,
    output::plain,
};
use serde_json::Value;

/// A line for each, in the order given: what was added, removed and changed.
fn marked<T>(mark: char, list: &[T], line: impl Fn(&T) -> String) -> String {
    list.iter().map(|item| format!("  {mark} {}\n", plain(&line(item)))).collect()
}

/// `1 package`, `2 packages`.
pub(super) fn counted(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Class, kernel and parameters; nothing where they are the same.
pub(super) fn records(found: &ImageComparison) -> String {
    let facts = [("class", &found.image_class), ("kernel", &found.kernel), ("initramfs", &found.initramfs)];
    let differ = facts.into_iter().filter_map(|(name, fact)| Some((name, fact.as_ref()?)));
    let none = || "none".to_owned();
    let mut text: String = differ
        .map(|(name, Changed { old, new })| {
            let (old, new) = (old.clone().unwrap_or_else(none), new.clone().unwrap_or_else(none));
            format!("{name}: {}\n", plain(&format!("{old} -> {new}")))
        })
        .collect();
    let parameters = &found.parameters;
    if parameters.differs() {
        text.push_str("parameters:\n");
        text.push_str(&marked('+', &parameters.added, parameter));
        text.push_str(&marked('-', &parameters.removed, parameter));
        text.push_str(&marked('~', &parameters.changed, parameter));
    }
    text
}

fn parameter(change: &AttributeChange) -> String {
    let name = &change.name;
    match &change.values {
        None => format!("{name}: a secret, not shown"),
        Some(Changed { old: Some(old), new: Some(new) }) => {
            format!("{name}: {} -> {}", value(old), value(new))
        }
        Some(Changed { old, new }) => {
            let one = old.as_ref().or(new.as_ref()).map(value);
            format!("{name}: {}", one.unwrap_or_default())
        }
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The packages, and whose cannot be told.
pub(super) fn packages(found: &ImageComparison) -> String {
    let packages = &found.tree.packages;
    let mut text = String::new();
    if packages.differs() {
        let (added, removed, changed) =
            (packages.added.len(), packages.removed.len(), packages.changed.len());
        text.push_str(&format!("packages: {added} added, {removed} removed, {changed} changed\n"));
        let of = |architecture: &str| match architecture {
            "" => String::new(),
            known => format!(" ({known})"),
        };
        let one = |package: &crate::comparison::Package| {
            format!("{} {}{}", package.name, package.version, of(&package.architecture))
        };
        text.push_str(&marked('+', &packages.added, one));
        text.push_str(&marked('-', &packages.removed, one));
        text.push_str(&marked('~', &packages.changed, |package| {
            let architecture = of(&package.architecture);
            format!("{} {} -> {}{architecture}", package.name, package.old, package.new)
        }));
    }
    for missing in &packages.not_compared {
        let image = image(found, missing.tree);
        let line = format!("packages of {image} cannot be read: {}", missing.reason);
        text.push_str(&format!("{}\n", plain(&line)));
    }
    text
}

/// What was passed over.
pub(super) fn skipped(found: &ImageComparison) -> String {
    let tree = &found.tree;
    if tree.skipped.is_empty() {
        return String::new();
    }
    let mut text = String::from("not compared:\n");
    text.push_str(&marked('!', &tree.skipped, |skipped| {
        format!("{} of {}: {}", skipped.path, image(found, skipped.tree), skipped.reason)
    }));
    if tree.more_skipped > 0 {
        text.push_str(&format!("  and {} more\n", tree.more_skipped));
    }
    text
}

fn image(found: &ImageComparison, which: Which) -> &str {
    let [old, new] = &found.images;
    match which {
        Which::Old => old,
        Which::New => new,
    }
}
