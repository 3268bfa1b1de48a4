//! What `ansible-inventory --list` prints.

use crate::{
    entry::{Entry, Found},
    error::ReadError,
    text::{KeyLines, words},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// The most groups: each node's are looked for along all of them.
const MOST_GROUPS: usize = 2000;
/// Groups that every inventory has.
const OF_ANSIBLE: [&str; 2] = ["all", "ungrouped"];

type Groups<'v> = BTreeMap<&'v str, BTreeSet<&'v str>>;

pub(crate) fn read(text: &str) -> Result<Found, ReadError> {
    let document: Map<String, Value> = serde_json::from_str(text).map_err(|cause| {
        let reason = format!("it is not what `ansible-inventory --list` prints (column {})", cause.column());
        ReadError::at(cause.line().max(1), reason)
    })?;
    let groups = || document.iter().filter(|(name, _)| *name != "_meta");
    if groups().count() > MOST_GROUPS {
        return Err(ReadError::whole(format!("it has more than {MOST_GROUPS} groups")));
    }
    let variables = document.get("_meta").and_then(|meta| meta.get("hostvars")).and_then(Value::as_object);
    let Some(variables) = variables else {
        return Err(ReadError::whole(
            "it has no `_meta` with `hostvars`: hand over what `ansible-inventory --list` prints",
        ));
    };
    let (mut of_hosts, mut above) = (Groups::new(), Groups::new());
    for (name, group) in groups() {
        for host in texts(group.get("hosts")) {
            of_hosts.entry(host).or_default().insert(name);
        }
        for child in texts(group.get("children")) {
            above.entry(child).or_default().insert(name);
        }
    }
    let names: BTreeSet<&str> =
        variables.keys().map(String::as_str).chain(of_hosts.keys().copied()).collect();
    let none = Map::new();
    // Sorted, as `ansible-inventory` sorts them.
    let mut lines = KeyLines::behind(text, "hostvars");
    let entries = names.into_iter().map(|name| {
        let own = variables.get(name).and_then(Value::as_object).unwrap_or(&none);
        let groups = with_those_above(of_hosts.get(name), &above);
        Entry { groups, ..entry(name, lines.of(name), own) }
    });
    Ok(Found { entries: entries.collect(), ..Found::default() })
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn with_those_above(own: Option<&BTreeSet<&str>>, above: &Groups<'_>) -> Vec<String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut ahead: Vec<&str> = own.into_iter().flatten().copied().collect();
    while let Some(group) = ahead.pop() {
        if found.insert(group) {
            ahead.extend(above.get(group).into_iter().flatten());
        }
    }
    found.into_iter().filter(|group| !OF_ANSIBLE.contains(group)).map(str::to_owned).collect()
}

fn entry(name: &str, line: Option<usize>, variables: &Map<String, Value>) -> Entry {
    let one = |keys: &[&str]| keys.iter().find_map(|key| text(variables.get(*key)?));
    let many = |keys: &[&str]| keys.iter().find_map(|key| variables.get(*key)).map(list).unwrap_or_default();
    let cards: Vec<&Map<String, Value>> = cards(variables.get("network_interfaces"));
    let mut macs = many(&["mac", "macaddress", "mac_address"]);
    if macs.is_empty() {
        macs = cards.iter().filter_map(|card| text(card.get("mac")?)).collect();
    }
    let is_address = |value: &String| value.parse::<IpAddr>().is_ok();
    let own_address = one(&["ansible_host"]).filter(is_address);
    let first_card = || cards.iter().find_map(|card| text(card.get("ip4")?));
    let public = variables.get("disklessset_variables").and_then(Value::as_object);
    let pairs = public.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), text(value)?)));
    Entry {
        macs,
        address: own_address.or_else(|| one(&["ip", "ip4"])).or_else(first_card),
        aliases: many(&["disklessset_aliases", "alias"]),
        pool: one(&["disklessset_pool"]),
        kernel_parameters: one(&["disklessset_kernel_parameters"]),
        variables: pairs.collect(),
        ..Entry::named(name, line)
    }
}

/// `network_interfaces`, as BlueBanquise has them: a list, or a mapping by name.
fn cards(value: Option<&Value>) -> Vec<&Map<String, Value>> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(map)) => map.values().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

/// A list, or one text with several words.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(text).collect(),
        other => text(other).map(|text| words(&text)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{
    "_meta": {
        "hostvars": {
            "c1": {
                "alias": "first",
                "ansible_host": "10.0.0.1",
                "disklessset_kernel_parameters": "quiet",
                "disklessset_variables": {"row": 7},
                "mac": ["52:54:00:00:00:01"],
                "secret": "x"
            },
            "c2": {
                "ansible_host": "c2.example.org",
                "network_interfaces": [{"interface": "eth0", "ip4": "10.0.0.2", "mac": "52:54:00:00:00:02"}]
            }
        }
    },
    "all": {"children": ["ungrouped", "computes", "site"]},
    "computes": {"hosts": ["c1", "c2", "c3"]},
    "site": {"children": ["computes"]}
}"#;

    #[test]
    fn hosts_variables_and_groups() {
        let found = read(LIST).unwrap();
        let [one, two, three] = &found.entries[..] else { panic!("{found:?}") };
        assert_eq!((one.name.as_str(), one.line, one.address.as_deref()), ("c1", Some(4), Some("10.0.0.1")));
        assert_eq!(
            (one.groups.clone(), one.aliases.clone()),
            (vec!["computes".into(), "site".into()], vec!["first".into()])
        );
        assert_eq!(
            one.variables,
            [("row".to_owned(), "7".to_owned())],
            "others may be secrets, and boot files are public"
        );
        assert_eq!(
            (two.macs.clone(), two.address.as_deref()),
            (vec!["52:54:00:00:00:02".into()], Some("10.0.0.2"))
        );
        assert_eq!((three.name.as_str(), three.groups.len()), ("c3", 2));
    }

    #[test]
    fn groups_in_a_circle_end() {
        let text = r#"{"_meta": {"hostvars": {}}, "a": {"children": ["b"], "hosts": ["n"]}, "b": {"children": ["a"]}}"#;
        assert_eq!(read(text).unwrap().entries[0].groups, ["a", "b"]);
    }

    #[test]
    fn what_is_no_list_is_told_in_one_line() {
        for text in
            ["", "[]", "{}", "{\"all\": {\"hosts\": {\"c1\": null}}}", "{\n\"_meta\": }", "all:\n  hosts:\n"]
        {
            let told = read(text).unwrap_err().to_string();
            assert!(told.contains("ansible-inventory --list") && !told.contains('\n'), "{told}");
        }
    }
}
