//! `nodes.conf` of Warewulf 4: nodes, and profiles that they inherit from.

use crate::{
    entry::{Entry, Found},
    error::ReadError,
    text::{KeyLines, quoted},
    yaml_nodes::{document, key, list, mapping, text},
};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// The most steps along profiles of one node; they can go in a circle.
const MOST_STEPS: usize = 1000;

pub(crate) fn read(source: &str) -> Result<Found, ReadError> {
    let document = document(source)?;
    let none = Mapping::new();
    let profiles = mapping(document.get("nodeprofiles")).unwrap_or(&none);
    let Some(nodes) = mapping(document.get("nodes")) else {
        return Err(ReadError::whole("it has no `nodes`, as Warewulf's nodes.conf has"));
    };
    let mut lines = KeyLines::behind(source, "nodes");
    let mut entries = Vec::with_capacity(nodes.len());
    for (name, node) in nodes {
        let name = key(name);
        let line = lines.of(&name);
        let node = mapping(Some(node)).unwrap_or(&none);
        let inherited = profiles_of(node, profiles).map_err(|reason| ReadError::near(line, reason))?;
        entries.push(entry(&name, line, node, profiles, inherited));
    }
    Ok(Found { entries, ..Found::default() })
}

/// The profiles of a node, the strongest last; `~NAME` takes one out again.
fn profiles_of(node: &Mapping, profiles: &Mapping) -> Result<Vec<String>, String> {
    let mut found: Vec<String> = Vec::new();
    let mut ahead = list(node.get("profiles"));
    ahead.reverse();
    for _ in 0..MOST_STEPS {
        let Some(name) = ahead.pop() else { return Ok(found) };
        if let Some(other) = name.strip_prefix('~') {
            found.retain(|known| known != other);
        } else if !found.contains(&name) {
            let own = mapping(profiles.get(name.as_str())).map(|profile| list(profile.get("profiles")));
            ahead.extend(own.unwrap_or_default().into_iter().rev());
            found.push(name);
        }
    }
    let first = found.first().map(|name| quoted(name)).unwrap_or_default();
    Err(format!("the profiles of the node come to no end, beginning with {first}"))
}

fn entry(
    name: &str,
    line: Option<usize>,
    node: &Mapping,
    profiles: &Mapping,
    inherited: Vec<String>,
) -> Entry {
    let layers: Vec<&Mapping> = inherited
        .iter()
        .filter_map(|profile| mapping(profiles.get(profile.as_str())))
        .chain([node])
        .collect();
    let devices = devices(&layers);
    let primary = primary(&layers, &devices);
    let mut ordered: Vec<&Device> = primary.iter().filter_map(|name| devices.get(*name)).collect();
    ordered
        .extend(devices.iter().filter(|(name, _)| Some(name.as_str()) != primary).map(|(_, device)| device));
    let is_card = |device: &&&Device| {
        !device.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("infiniband"))
    };
    let parameters = kernel_arguments(&layers);
    Entry {
        macs: ordered.iter().filter(is_card).filter_map(|device| device.mac.clone()).collect(),
        address: ordered.first().and_then(|device| device.address.clone()),
        groups: inherited,
        kernel_parameters: (!parameters.is_empty()).then_some(parameters),
        ..Entry::named(name, line)
    }
}

/// A network device, put together from profiles and node.
#[derive(Debug, Default)]
struct Device {
    kind: Option<String>,
    mac: Option<String>,
    address: Option<String>,
    is_primary: bool,
}

fn devices(layers: &[&Mapping]) -> BTreeMap<String, Device> {
    let mut devices: BTreeMap<String, Device> = BTreeMap::new();
    for (name, said) in layers.iter().filter_map(|layer| mapping(layer.get("network devices"))).flatten() {
        let device = devices.entry(key(name)).or_default();
        let said = |word: &str| mapping(Some(said)).and_then(|said| text(said.get(word)));
        device.kind = said("type").or(device.kind.take());
        device.mac = said("hwaddr").or(device.mac.take());
        device.address = said("ipaddr").or(device.address.take());
        device.is_primary = said("primary").map_or(device.is_primary, |value| value == "true");
    }
    devices
}

/// The device that the node boots from: the one that is said to be, else `default`, else the first with an address.
fn primary<'d>(layers: &[&Mapping], devices: &'d BTreeMap<String, Device>) -> Option<&'d str> {
    let said = layers.iter().rev().find_map(|layer| text(layer.get("primary network")));
    let by_name = |name: &str| devices.get_key_value(name).map(|(name, _)| name.as_str());
    let first = |is_it: fn(&Device) -> bool| {
        devices.iter().find(|(_, device)| is_it(device)).map(|(name, _)| name.as_str())
    };
    said.and_then(|name| by_name(&name))
        .or_else(|| first(|device| device.is_primary))
        .or_else(|| by_name("default"))
        .or_else(|| first(|device| device.address.is_some()))
        .or_else(|| first(|_| true))
}

/// Lists add up; a text, as older releases have it, replaces what was before.
fn kernel_arguments(layers: &[&Mapping]) -> String {
    let mut arguments: Vec<String> = Vec::new();
    for layer in layers {
        let kernel = mapping(layer.get("kernel")).and_then(|kernel| kernel.get("args"));
        match kernel.or_else(|| layer.get("kernel args")) {
            Some(Value::Sequence(items)) => {
                arguments.extend(items.iter().filter_map(|item| text(Some(item))))
            }
            Some(other) => arguments = text(Some(other)).into_iter().collect(),
            None => {}
        }
    }
    arguments.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "WW_INTERNAL: 45\nnodeprofiles:\n  default:\n    comment: for each node\n    kernel:\n      args:\n      - quiet\n    \
                        network devices:\n      default:\n        device: eth0\n        netmask: 255.255.255.0\n  gpu:\n    kernel:\n      args:\n      - nouveau.modeset=0\n    \
                        profiles:\n    - default\nnodes:\n  n1:\n    profiles:\n    - default\n    network devices:\n      default:\n        \
                        hwaddr: 52:54:00:00:00:01\n        ipaddr: 10.0.0.1\n      ib:\n        type: InfiniBand\n        hwaddr: 80:00:00:00:00:01\n      second:\n        hwaddr: 52:54:00:00:00:02\n  n2:\n    \
                        profiles:\n    - gpu\n    primary network: fast\n    network devices:\n      default:\n        ipaddr: 10.0.0.2\n      fast:\n        ipaddr: 10.1.0.2\n  n3: {}\n";

    #[test]
    fn nodes_have_what_their_profiles_say() {
        let found = read(CONF).unwrap();
        let [one, two, three] = &found.entries[..] else { panic!("{found:?}") };
        assert_eq!((one.name.as_str(), one.line, one.address.as_deref()), ("n1", Some(19), Some("10.0.0.1")));
        assert_eq!(one.macs, ["52:54:00:00:00:01", "52:54:00:00:00:02"]);
        assert_eq!(
            (one.kernel_parameters.as_deref(), one.groups.clone()),
            (Some("quiet"), vec!["default".to_owned()])
        );
        assert_eq!(
            (two.address.as_deref(), two.groups.clone()),
            (Some("10.1.0.2"), vec!["gpu".into(), "default".into()])
        );
        assert_eq!(two.kernel_parameters.as_deref(), Some("nouveau.modeset=0 quiet"));
        assert_eq!((three.name.as_str(), three.macs.len()), ("n3", 0));
    }

    #[test]
    fn arguments_of_older_releases_are_one_text() {
        let text = "nodeprofiles:\n  default:\n    kernel args: quiet\nnodes:\n  n1:\n    kernel:\n      args: quiet crashkernel=no\n    profiles: [default]\n";
        assert_eq!(read(text).unwrap().entries[0].kernel_parameters.as_deref(), Some("quiet crashkernel=no"));
    }

    /// As the tests of Warewulf itself have it.
    #[test]
    fn profiles_are_taken_out_and_go_in_circles() {
        let profiles = |nodes: &str, profiles: &str| {
            let text = format!("nodes:\n  n1:\n    profiles: {nodes}\nnodeprofiles: {profiles}\n");
            read(&text).map(|found| found.entries[0].groups.join(" ")).map_err(|error| error.to_string())
        };
        for (node, of_profiles, expected) in [
            ("[p1, p2]", "{p2: {profiles: [\"~p1\"]}}", "p2"),
            ("[p1]", "{p1: {profiles: [p2]}, p2: {profiles: [\"~p2\", p3]}}", "p1 p3"),
            ("[p1]", "{p1: {profiles: [p2]}, p2: {profiles: [p3]}, p3: {profiles: [p1]}}", "p1 p2 p3"),
            (
                "[p1]",
                "{p1: {profiles: [p2]}, p2: {profiles: [\"~p1\", p3]}, p3: {profiles: [p1]}}",
                "p2 p3 p1",
            ),
        ] {
            assert_eq!(profiles(node, of_profiles).unwrap(), expected);
        }
        assert!(profiles("[p]", "{p: {profiles: [\"~p\", p]}}").unwrap_err().contains("no end"));
    }
}
