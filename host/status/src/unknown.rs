//! Machines that ask for a boot file and are no node on record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

/// The most that are remembered: who makes up MACs pushes out the oldest, and takes no more memory.
const MOST: usize = 4096;

/// A machine that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// From where it asked.
    pub address: IpAddr,
    /// When it asked first.
    pub first_seen: Timestamp,
    /// When it asked last.
    pub last_seen: Timestamp,
}

/// All of them, by MAC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Unknowns(BTreeMap<String, Unknown>);

impl Unknowns {
    pub(crate) fn all(&self) -> &BTreeMap<String, Unknown> {
        &self.0
    }

    pub(crate) fn saw(&mut self, mac: &str, address: IpAddr, now: Timestamp) {
        if let Some(known) = self.0.get_mut(mac) {
            (known.address, known.last_seen) = (address, now);
            return;
        }
        if self.0.len() >= MOST {
            let oldest =
                self.0.iter().min_by_key(|(_, machine)| machine.last_seen).map(|(mac, _)| mac.clone());
            oldest.and_then(|mac| self.0.remove(&mac));
        }
        self.0.insert(mac.to_owned(), Unknown { address, first_seen: now, last_seen: now });
    }

    /// Who turns out to be a node is none of these any more.
    pub(crate) fn forget(&mut self, is_known: impl Fn(&str, &Unknown) -> bool) {
        self.0.retain(|mac, machine| !is_known(mac, machine));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut unknowns = Unknowns::default();
        let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        for number in 0..MOST + 10 {
            unknowns.saw(&format!("{number:012x}"), IpAddr::from([10, 0, 0, 1]), at(number));
        }
        assert_eq!(unknowns.all().len(), MOST);
        assert!(!unknowns.all().contains_key("000000000009") && unknowns.all().contains_key("00000000000a"));
    }
}
