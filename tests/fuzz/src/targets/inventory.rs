//! Inventories of every kind: read alike each time, with what a message and a node file can take.

use crate::one_line;
use disklessset_inventory::{Kind, read};

fn run(kind: Kind, data: &[u8]) {
    let _ = Kind::of("nodes.conf", data);
    let first = read(kind, data);
    assert_eq!(first, read(kind, data), "read another way the second time");
    match first {
        Ok(found) => {
            found.passed_over.iter().for_each(|line| one_line(line));
            for entry in found.entries {
                assert!(!entry.name.is_empty() && !entry.name.contains(char::is_control), "{entry:?}");
                assert!(!entry.macs.iter().any(|mac| mac.contains(char::is_control)), "{entry:?}");
            }
        }
        Err(error) => one_line(&error.to_string()),
    }
}

pub(super) fn csv(data: &[u8]) {
    run(Kind::Csv, data);
}

pub(super) fn yaml(data: &[u8]) {
    run(Kind::Yaml, data);
}

pub(super) fn ansible(data: &[u8]) {
    run(Kind::Ansible, data);
}

pub(super) fn ethers(data: &[u8]) {
    run(Kind::Ethers, data);
}

pub(super) fn dnsmasq(data: &[u8]) {
    run(Kind::Dnsmasq, data);
}

pub(super) fn warewulf(data: &[u8]) {
    run(Kind::Warewulf, data);
}

pub(super) fn xcat(data: &[u8]) {
    run(Kind::Xcat, data);
}
