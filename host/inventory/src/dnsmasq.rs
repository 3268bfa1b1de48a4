//! `dhcp-host` of dnsmasq: the lines of a configuration, or those of a file that `dhcp-hostsfile` names.

use crate::{
    entry::{Entry, Found},
    error::ReadError,
    read::merge,
    text::{is_mac, numbered, padded_mac, quoted},
};
use std::net::{IpAddr, Ipv4Addr};

/// What one word between commas is.
enum Item<'l> {
    Mac(String),
    Address(IpAddr),
    Tag(&'l str),
    Name(&'l str),
    /// The server is to leave the host alone.
    Ignored,
    /// A card that is no node's own: one with `*` in it, or of another kind of network.
    OtherCard(&'l str),
    /// It says nothing of the node: a lease time, a client id, which tags must be set, a part of an IPv6 address.
    Nothing,
}

pub(crate) fn read(text: &str) -> Result<Found, ReadError> {
    let mut found = Found::default();
    for (number, line) in numbered(text) {
        if let Some(host) = host_of(line) {
            read_host(number, &host, &mut found)?;
        }
    }
    merge(found)
}

/// What a line says of a host. Other options are passed over; a line without an option is one of a `dhcp-hostsfile`.
fn host_of(line: &str) -> Option<String> {
    let line = without_comment(line);
    let line = line.trim();
    let end = line.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    match end.map(|at| (&line[..at], line[at..].trim_start())) {
        Some(("dhcp-host", rest)) => rest.strip_prefix('=').map(|host| host.replace('"', "")),
        Some((_, rest)) if rest.starts_with('=') => None,
        Some(_) => Some(line.replace('"', "")),
        None => None,
    }
}

/// dnsmasq takes a `#` for a comment at the beginning and behind a blank, outside of quotes.
fn without_comment(line: &str) -> &str {
    let (mut blank, mut quotes) = (true, false);
    for (at, c) in line.char_indices() {
        match c {
            '"' => quotes = !quotes,
            '#' if blank && !quotes => return &line[..at],
            _ => {}
        }
        blank = c.is_whitespace();
    }
    line
}

fn read_host(number: usize, host: &str, found: &mut Found) -> Result<(), ReadError> {
    let mut entry = Entry::named("", Some(number));
    let (mut ignored, mut other_card) = (false, None);
    for word in host.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match item(word) {
            Item::Mac(mac) => entry.macs.push(mac),
            Item::Address(address) => set_address(&mut entry, address),
            Item::Tag(tag) => entry.groups.push(tag.to_owned()),
            Item::Name(name) if entry.name.is_empty() => entry.name = name.to_owned(),
            Item::Name(name) => {
                let reason = format!("a host has two names, {} and {}", quoted(&entry.name), quoted(name));
                return Err(ReadError::at(number, reason));
            }
            Item::Ignored => ignored = true,
            Item::OtherCard(card) => other_card = Some(card),
            Item::Nothing => {}
        }
    }
    if ignored {
        found.pass_over(number, "the host is to be ignored");
    } else if entry.name.is_empty() {
        found.pass_over(number, "the host has no name");
    } else {
        if let Some(card) = other_card {
            found.pass_over(number, &format!("{} is not the address of one Ethernet card", quoted(card)));
        }
        found.entries.push(entry);
    }
    Ok(())
}

/// A node has one address: that of IPv4, where there is one.
fn set_address(entry: &mut Entry, address: IpAddr) {
    if entry.address.is_none() || address.is_ipv4() {
        entry.address = Some(address.to_string());
    }
}

fn item(word: &str) -> Item<'_> {
    if let Some(tag) = word.strip_prefix("set:").or_else(|| word.strip_prefix("net:")) {
        return Item::Tag(tag);
    }
    if word.starts_with("id:") || word.starts_with("tag:") {
        return Item::Nothing;
    }
    if let Some(address) = word.strip_prefix('[') {
        let address = address.strip_suffix(']').and_then(|address| address.parse::<IpAddr>().ok());
        // `[::56]` is the end of an address, and `[1234::/64]` many.
        return address.filter(|address| !is_part(address)).map_or(Item::Nothing, Item::Address);
    }
    if word.contains(':') {
        // A number before it is the kind of network: 1 is Ethernet.
        let card = word.strip_prefix("01-").or_else(|| word.strip_prefix("1-")).unwrap_or(word);
        return if is_mac(card) { Item::Mac(padded_mac(card)) } else { Item::OtherCard(word) };
    }
    if let Ok(address) = word.parse::<Ipv4Addr>() {
        return Item::Address(address.into());
    }
    match word {
        "ignore" => Item::Ignored,
        "infinite" => Item::Nothing,
        _ if is_lease_time(word) => Item::Nothing,
        name => Item::Name(name),
    }
}

fn is_part(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.segments()[..4] == [0; 4])
}

/// Digits, and perhaps a unit behind them.
fn is_lease_time(word: &str) -> bool {
    let unit = |c: char| "smhdwSMHDW".contains(c);
    let digits = word.strip_suffix(unit).filter(|rest| !rest.is_empty()).unwrap_or(word);
    digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Entry {
        let found = read(line).unwrap();
        assert_eq!(found.entries.len(), 1, "{line}: {found:?}");
        found.entries.into_iter().next().unwrap()
    }

    #[test]
    fn all_forms_of_a_host() {
        let entry = one("dhcp-host=11:22:33:44:55:66,12:34:56:78:90:12,set:compute,c1,192.168.0.60,45m");
        assert_eq!(entry.macs, ["11:22:33:44:55:66", "12:34:56:78:90:12"]);
        assert_eq!((entry.name.as_str(), entry.address.as_deref()), ("c1", Some("192.168.0.60")));
        assert_eq!(entry.groups, ["compute"]);
        for (line, name, address) in [
            ("dhcp-host = 0:1:2:3:4:5, fred , infinite # the first", "fred", None),
            ("dhcp-host=bert,192.168.0.70,infinite", "bert", Some("192.168.0.70")),
            ("dhcp-host=id:01:22:22:33:44:55,c2,192.168.0.61", "c2", Some("192.168.0.61")),
            ("dhcp-host=id:*,11:22:33:44:55:66,c3", "c3", None),
            ("dhcp-host=judge,1h", "judge", None),
            ("dhcp-host=11:22:33:44:55:66,c4,[1234::5],10.0.0.4", "c4", Some("10.0.0.4")),
            ("dhcp-host=11:22:33:44:55:66,c5,[fd00::5]", "c5", Some("fd00::5")),
            ("dhcp-host=11:22:33:44:55:66,c6,[::56]", "c6", None),
            ("dhcp-host=tag:blue,01-11:22:33:44:55:66,c7,3600", "c7", None),
            ("11:22:33:44:55:66,10.0.0.8,c8,net:red", "c8", Some("10.0.0.8")),
        ] {
            let entry = one(line);
            assert_eq!((entry.name.as_str(), entry.address.as_deref()), (name, address), "{line}");
        }
    }

    #[test]
    fn hosts_that_are_no_nodes_are_passed_over_and_said() {
        let text = "domain=example.org\nport=0\nlog-dhcp\n#dhcp-host=11:22:33:44:55:66,old\n\
                    dhcp-host=11:22:33:44:55:66,ignore\ndhcp-host=11:22:33:*:*:*,set:known\ndhcp-host=11:22:33:44:55:*,many\n";
        let found = read(text).unwrap();
        assert_eq!(found.entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["many"]);
        assert_eq!(found.passed_over.len(), 3, "{found:?}");
    }

    #[test]
    fn a_host_has_one_name() {
        assert_eq!(
            read("\ndhcp-host=a,b").unwrap_err().to_string(),
            "line 2: a host has two names, \"a\" and \"b\""
        );
    }

    #[test]
    fn cards_of_one_node_in_several_lines_come_together() {
        let found = read("dhcp-host=11:22:33:44:55:66,a,10.0.0.1\ndhcp-host=11:22:33:44:55:67,a\n").unwrap();
        assert_eq!((found.entries.len(), found.entries[0].macs.len()), (1, 2));
        let told = read("dhcp-host=11:22:33:44:55:66,a,10.0.0.1\ndhcp-host=11:22:33:44:55:67,a,10.0.0.2\n");
        assert_eq!(told.unwrap_err().to_string(), "line 2: node \"a\" has another address than in line 1");
    }
}
