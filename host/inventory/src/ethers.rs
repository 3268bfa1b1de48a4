//! `/etc/ethers`: a MAC address and a name a line.

use crate::{
    entry::{Entry, Found},
    error::ReadError,
    read::merge,
    text::{is_mac, numbered, padded_mac, quoted},
};
use std::net::IpAddr;

pub(crate) fn read(text: &str) -> Result<Found, ReadError> {
    let mut found = Found::default();
    for (number, line) in numbered(text) {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            [mac, _] if !is_mac(mac) => {
                let reason = format!("{} is not a MAC address, as ethers has it (8:0:20:1:2:3)", quoted(mac));
                return Err(ReadError::at(number, reason));
            }
            [_, name] if name.parse::<IpAddr>().is_ok() => {
                found.pass_over(number, &format!("{} is an address, and the node has no name", quoted(name)));
            }
            [mac, name] => {
                let mut entry = Entry::named(name, Some(number));
                entry.macs.push(padded_mac(mac));
                found.entries.push(entry);
            }
            _ => return Err(ReadError::at(number, "a line of ethers has a MAC address and a name")),
        }
    }
    merge(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethers_has_cards_and_names() {
        let found = read("# cards\n08:00:20:00:61:CA  pal\n\n8:0:20:1:2:3 c1 # first\n8:0:20:1:2:4\tC1\n0:0:0:0:0:1 10.0.0.1\n").unwrap();
        let names: Vec<_> = found.entries.iter().map(|entry| (entry.name.as_str(), entry.line)).collect();
        assert_eq!(names, [("pal", Some(2)), ("c1", Some(4))]);
        assert_eq!(found.entries[1].macs, ["08:00:20:01:02:03", "08:00:20:01:02:04"]);
        assert_eq!(found.passed_over.len(), 1);
    }

    #[test]
    fn what_is_no_line_of_ethers_is_named_with_its_line() {
        for (text, line) in [("a b\n", 1), ("\n8:0:20:1:2:3\n", 2), ("8:0:20:1:2:3 a b\n", 1)] {
            assert!(read(text).unwrap_err().to_string().starts_with(&format!("line {line}: ")), "{text}");
        }
    }
}
