//! xCAT's stanza file, as `lsdef -z` writes it.

use crate::{
    entry::{Entry, Found},
    error::ReadError,
    text::{numbered, quoted, words},
};

/// One stanza: a name, and attributes below it.
struct Stanza {
    entry: Entry,
    line: usize,
    of_a_node: bool,
}

pub(crate) fn read(text: &str) -> Result<Found, ReadError> {
    let mut found = Found::default();
    let mut open: Option<Stanza> = None;
    for (number, line) in numbered(text) {
        let begins = !line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match (line.strip_suffix(':'), line.split_once('=')) {
            (Some(name), _) if begins && !name.contains('=') => {
                close(open.replace(Stanza::named(name.trim(), number)), &mut found);
            }
            (_, Some((key, value))) => {
                let Some(stanza) = &mut open else {
                    return Err(ReadError::at(number, "an attribute stands before the first name"));
                };
                stanza.take(number, key.trim(), unquoted(value.trim()), &mut found);
            }
            _ => {
                let reason = format!(
                    "{} is neither NAME: nor ATTRIBUTE=VALUE, as `lsdef -z` writes them",
                    quoted(line)
                );
                return Err(ReadError::at(number, reason));
            }
        }
    }
    close(open, &mut found);
    Ok(found)
}

fn close(stanza: Option<Stanza>, found: &mut Found) {
    match stanza {
        Some(stanza) if stanza.of_a_node => found.entries.push(stanza.entry),
        Some(stanza) => {
            found.pass_over(stanza.line, &format!("{} is not a node", quoted(&stanza.entry.name)))
        }
        None => {}
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

impl Stanza {
    fn named(name: &str, line: usize) -> Self {
        Self { entry: Entry::named(name, Some(line)), line, of_a_node: true }
    }

    fn take(&mut self, number: usize, key: &str, value: &str, found: &mut Found) {
        let entry = &mut self.entry;
        match key {
            "objtype" => self.of_a_node = value == "node",
            _ if value.is_empty() => {}
            "mac" => entry.macs = macs(value),
            "ip" => entry.address = Some(value.to_owned()),
            "hostnames" => entry.aliases = words(value),
            "groups" => entry.groups = words(value),
            // `R::` marks what an installed system keeps; `!…!` and `#…#` xCAT fills in itself.
            "addkcmdline" if value.contains(['!', '#']) => {
                found.pass_over(number, "kernel parameters that xCAT fills in");
            }
            "addkcmdline" => {
                let parts = value.split_whitespace().map(|part| part.strip_prefix("R::").unwrap_or(part));
                entry.kernel_parameters = Some(parts.collect::<Vec<_>>().join(" "));
            }
            _ => {}
        }
    }
}

/// `MAC!HOST|MAC!*NOIP*`: the cards, whatever names they have.
fn macs(value: &str) -> Vec<String> {
    let card = |part: &str| part.split('!').next().unwrap_or_default().trim().to_owned();
    value.split('|').map(card).filter(|card| !card.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "# <xCAT data object stanza file>\n\nc1:\n    objtype=node\n    addkcmdline=R::console=ttyS0 quiet\n    \
                           groups=compute,all\n    hostnames=first,one.example.org\n    ip=10.0.0.1\n    \
                           mac=52:54:00:00:00:01!c1|52:54:00:00:00:02!*NOIP*\n    mgt=ipmi\n\nrh9:\n    objtype=osimage\n    osname=Linux\n\nc2:\n    \
                           objtype=node\n    mac=\n";

    #[test]
    fn nodes_are_told_from_other_objects() {
        let found = read(STANZAS).unwrap();
        assert_eq!(found.passed_over, ["line 12: \"rh9\" is not a node"]);
        let [one, two] = &found.entries[..] else { panic!("{found:?}") };
        assert_eq!((one.name.as_str(), one.line, one.address.as_deref()), ("c1", Some(3), Some("10.0.0.1")));
        assert_eq!(one.macs, ["52:54:00:00:00:01", "52:54:00:00:00:02"]);
        assert_eq!((one.groups.len(), one.aliases.len()), (2, 2));
        assert_eq!(one.kernel_parameters.as_deref(), Some("console=ttyS0 quiet"));
        assert_eq!((two.name.as_str(), two.macs.len()), ("c2", 0));
    }

    #[test]
    fn what_is_no_stanza_is_named_with_its_line() {
        for (text, line) in [("a=b\n", 1), ("c1:\n\n  what\n", 3), ("what\n", 1)] {
            assert!(read(text).unwrap_err().to_string().starts_with(&format!("line {line}: ")), "{text}");
        }
    }
}
