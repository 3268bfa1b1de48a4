//! The kinds of inventories, and how they are told apart.

use crate::{csv_table, text::is_mac};
use std::{fmt, str::FromStr};

/// The form that an inventory has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A table with a header row.
    Csv,
    /// What `node list --format yaml` prints, or a node file.
    Yaml,
    /// What `ansible-inventory --list` prints.
    Ansible,
    /// The lines of `/etc/ethers`: a MAC address and a name.
    Ethers,
    /// Lines of dnsmasq with `dhcp-host`.
    Dnsmasq,
    /// `nodes.conf` of Warewulf 4.
    Warewulf,
    /// What xCAT's `lsdef -z` prints.
    Xcat,
}

/// It cannot be told what kind of inventory a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be told what kind of inventory it is")]
pub struct UnknownKind;

impl Kind {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 7] =
        [Self::Csv, Self::Yaml, Self::Ansible, Self::Ethers, Self::Dnsmasq, Self::Warewulf, Self::Xcat];

    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Yaml => "yaml",
            Self::Ansible => "ansible",
            Self::Ethers => "ethers",
            Self::Dnsmasq => "dnsmasq",
            Self::Warewulf => "warewulf",
            Self::Xcat => "xcat",
        }
    }

    /// The kind of a file, by its content, else by its name.
    ///
    /// # Errors
    /// When neither tells.
    pub fn of(file_name: &str, bytes: &[u8]) -> Result<Self, UnknownKind> {
        let text = String::from_utf8_lossy(bytes);
        by_content(&text).or_else(|| by_name(file_name, &text)).ok_or(UnknownKind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.word() == word).ok_or(UnknownKind)
    }
}

/// What only one kind has.
fn by_content(text: &str) -> Option<Kind> {
    let has = |begin: &str| text.lines().any(|line| line.starts_with(begin));
    let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let first = text.lines().find(says).unwrap_or_default();
    let is_of_ethers = |line: &str| matches!(line.split('#').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>()[..], [mac, _] if is_mac(mac));
    let is_of_xcat = |line: &str| line.starts_with([' ', '\t']) && line.trim_start().starts_with("objtype=");
    match () {
        () if first.trim_start().starts_with('{') && text.contains("\"_meta\"") => Some(Kind::Ansible),
        () if has("# <xCAT data object stanza file>") || text.lines().any(is_of_xcat) => Some(Kind::Xcat),
        () if has("nodeprofiles:") => Some(Kind::Warewulf),
        () if has("format:") && has("nodes:") => Some(Kind::Yaml),
        () if has("dhcp-host=") => Some(Kind::Dnsmasq),
        () if is_of_ethers(first) => Some(Kind::Ethers),
        () if csv_table::has_header(text) => Some(Kind::Csv),
        () => None,
    }
}

fn by_name(file_name: &str, text: &str) -> Option<Kind> {
    let nodes = text.lines().any(|line| line.starts_with("nodes:"));
    match file_name.to_ascii_lowercase().as_str() {
        "ethers" => Some(Kind::Ethers),
        "nodes.conf" if nodes => Some(Kind::Warewulf),
        name if name.ends_with(".csv") || name.ends_with(".tsv") => Some(Kind::Csv),
        name if nodes && (name.ends_with(".yml") || name.ends_with(".yaml")) => Some(Kind::Yaml),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_content() {
        for (text, kind) in [
            ("name,mac\nc1,\n", Kind::Csv),
            ("# ours\nformat: 1\nnodes: {}\n", Kind::Yaml),
            ("{\n  \"_meta\": {}\n}\n", Kind::Ansible),
            ("# cards\n8:0:20:1:2:3 c1\n", Kind::Ethers),
            ("domain=a\ndhcp-host=8:0:20:1:2:3,c1\n", Kind::Dnsmasq),
            ("nodeprofiles:\n  default: {}\nnodes: {}\n", Kind::Warewulf),
            ("# <xCAT data object stanza file>\n", Kind::Xcat),
            ("\nc1:\n    objtype=node\n", Kind::Xcat),
        ] {
            assert_eq!(Kind::of("file", text.as_bytes()), Ok(kind), "{text}");
            assert_eq!(kind.word().parse(), Ok(kind));
        }
    }

    #[test]
    fn names_tell_where_the_content_does_not() {
        for (name, text, kind) in [
            ("a.CSV", "name\nc1\n", Some(Kind::Csv)),
            ("nodes.conf", "nodes: {}\n", Some(Kind::Warewulf)),
            ("nodes.yml", "nodes: {}\n", Some(Kind::Yaml)),
            ("ethers", "", Some(Kind::Ethers)),
            ("hosts.yml", "all:\n  hosts:\n", None),
            ("hosts", "\0\u{1}", None),
        ] {
            assert_eq!(Kind::of(name, text.as_bytes()).ok(), kind, "{name}");
        }
    }
}
