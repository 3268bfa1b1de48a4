//! Reads an inventory of any kind, within bounds.

use crate::{
    ansible, csv_table, dnsmasq,
    entry::Found,
    error::ReadError,
    ethers,
    kind::Kind,
    text::{numbered, quoted},
    warewulf, xcat, yaml_nodes,
};
use std::collections::HashMap;

/// The most bytes of an inventory.
pub const MOST_BYTES: u64 = 64 << 20;
/// The most nodes of an inventory.
const MOST_NODES: usize = 100_000;
/// The most bytes of one thing that is said of a node.
const LONGEST_TEXT: usize = 4096;

/// Reads an inventory.
///
/// # Errors
/// What is wrong with it, in one line, with its place where that can be told.
pub fn read(kind: Kind, bytes: &[u8]) -> Result<Found, ReadError> {
    let text = checked(bytes)?;
    let found = match kind {
        Kind::Csv => csv_table::read(text),
        Kind::Yaml => yaml_nodes::read(text),
        Kind::Ansible => ansible::read(text),
        Kind::Ethers => ethers::read(text),
        Kind::Dnsmasq => dnsmasq::read(text),
        Kind::Warewulf => warewulf::read(text),
        Kind::Xcat => xcat::read(text),
    }?;
    check(&found)?;
    Ok(found)
}

/// Text without control characters.
fn checked(bytes: &[u8]) -> Result<&str, ReadError> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ReadError::whole(format!("it is longer than {} MiB", MOST_BYTES >> 20)));
    }
    let text = std::str::from_utf8(bytes).map_err(|cause| {
        let line = bytes[..cause.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        ReadError::at(line, "it is not UTF-8 text")
    })?;
    let hostile = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match numbered(text).find(|(_, line)| line.contains(hostile)) {
        Some((line, _)) => Err(ReadError::at(line, "it has a control character")),
        None => Ok(text),
    }
}

fn check(found: &Found) -> Result<(), ReadError> {
    if found.entries.len() > MOST_NODES {
        return Err(ReadError::whole(format!("it has more than {MOST_NODES} nodes")));
    }
    let mut names: HashMap<String, Option<usize>> = HashMap::with_capacity(found.entries.len());
    for entry in &found.entries {
        let refuse = |reason: String| Err(ReadError::near(entry.line, reason));
        if entry.name.is_empty() {
            return refuse("a node has no name".to_owned());
        }
        if let Some(text) =
            entry.texts().find(|text| text.len() > LONGEST_TEXT || text.contains(char::is_control))
        {
            return refuse(format!("{} is too long, or has a control character in it", quoted(text)));
        }
        if let Some(first) = names.insert(entry.name.to_ascii_lowercase(), entry.line) {
            let before = first.map(|line| format!(", first in line {line}")).unwrap_or_default();
            return refuse(format!("node {} stands twice{before}", quoted(&entry.name)));
        }
    }
    Ok(())
}

/// Puts together what several lines say of one node, in forms that have a line for each card.
pub(crate) fn merge(found: Found) -> Result<Found, ReadError> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut merged = Found { passed_over: found.passed_over, ..Found::default() };
    for entry in found.entries {
        let Some(at) = places.get(&entry.name.to_ascii_lowercase()) else {
            places.insert(entry.name.to_ascii_lowercase(), merged.entries.len());
            merged.entries.push(entry);
            continue;
        };
        let known = &mut merged.entries[*at];
        if known.address.is_some() && entry.address.is_some() && known.address != entry.address {
            let first = known.line.unwrap_or_default();
            let reason = format!("node {} has another address than in line {first}", quoted(&entry.name));
            return Err(ReadError::near(entry.line, reason));
        }
        known.address = known.address.take().or(entry.address);
        known.macs.extend(entry.macs);
        known.groups.extend(entry.groups);
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: Kind, bytes: &[u8]) -> String {
        read(kind, bytes).unwrap_err().to_string()
    }

    #[test]
    fn control_characters_and_other_encodings_are_named_with_their_line() {
        assert_eq!(told(Kind::Csv, b"name\nc1\nc\x1b[2J\n"), "line 3: it has a control character");
        assert_eq!(told(Kind::Ethers, b"\n8:0:20:1:2:3 \xff\n"), "line 2: it is not UTF-8 text");
        let escaped = b"{\"_meta\": {\"hostvars\": {\"c1\": {\"mac\": \"a\\u001b\"}}}}";
        assert!(told(Kind::Ansible, escaped).contains("control character"));
    }

    #[test]
    fn a_node_that_stands_twice_is_named_with_both_lines() {
        assert_eq!(told(Kind::Csv, b"name\nc1\nC1\n"), "line 3: node \"C1\" stands twice, first in line 2");
        assert_eq!(
            told(Kind::Xcat, b"c1:\n objtype=node\nc1:\n"),
            "line 3: node \"c1\" stands twice, first in line 1"
        );
    }

    #[test]
    fn depth_and_aliases_are_bounded() {
        let started = std::time::Instant::now();
        let bomb = (1..30).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            let before = n - 1;
            format!("{text}a{n}: &a{n} [*a{before}, *a{before}, *a{before}, *a{before}]\n")
        });
        for (kind, text) in [
            (Kind::Yaml, bomb.clone()),
            (Kind::Warewulf, format!("{bomb}nodes: {{}}\n")),
            (Kind::Yaml, "nodes: ".to_owned() + &"[".repeat(900)),
            (Kind::Warewulf, "{a: ".repeat(100_000)),
            (Kind::Ansible, "[".repeat(1_000_000)),
            (Kind::Ansible, "{\"a\":".repeat(100_000)),
        ] {
            let told = told(kind, text.as_bytes());
            assert!(!told.contains('\n') && told.len() < 300, "{told}");
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}
