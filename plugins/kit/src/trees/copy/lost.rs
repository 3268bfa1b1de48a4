//! What a copy could not keep, counted, with the first names.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Names that are told of each kind of loss.
const NAMED: usize = 5;
/// Kinds that are told apart: names of attributes are made by strangers.
const KINDS: usize = 20;

#[derive(Debug, Default)]
struct Names {
    count: u64,
    first: Vec<String>,
}

impl Names {
    fn add(&mut self, name: String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name);
        }
    }

    fn summary(&self) -> String {
        let more = self.count - self.first.len() as u64;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}{more}", self.first.join(", "))
    }
}

/// Losses and remarks by what they are.
#[derive(Debug, Default)]
pub(super) struct Lost {
    losses: Mutex<BTreeMap<String, Names>>,
    mounts: Mutex<Names>,
    unshared: Mutex<Names>,
}

impl Lost {
    /// Something of a file that the copy has not.
    pub(super) fn add(&self, what: &str, file: String) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let known = losses.contains_key(what) || losses.len() < KINDS;
        let what = if known { what } else { "other attributes" };
        losses.entry(what.to_owned()).or_default().add(file);
    }

    /// A place where something is mounted: the copy has an empty one.
    pub(super) fn mount(&self, file: String) {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).add(file);
    }

    /// A file whose data had to be copied although it should be shared.
    pub(super) fn unshared(&self, file: String) {
        self.unshared.lock().unwrap_or_else(PoisonError::into_inner).add(file);
    }

    /// A line for each loss.
    pub(super) fn losses(&self) -> Vec<String> {
        let losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.iter().map(|(what, names)| format!("{what} of {}", names.summary())).collect()
    }

    /// Lines about what is as it should be, but may surprise.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut add = |what: &str, names: &Mutex<Names>| {
            let names = names.lock().unwrap_or_else(PoisonError::into_inner);
            if names.count > 0 {
                lines.push(format!("{what} {}", names.summary()));
            }
        };
        add("what is mounted inside was left out:", &self.mounts);
        add("the data of these files cannot be shared and was copied:", &self.unshared);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_counted_and_few_are_named() {
        let lost = Lost::default();
        for number in 0..8 {
            lost.add("the flag immutable", format!("file{number}"));
        }
        assert_eq!(
            lost.losses(),
            ["the flag immutable of file0, file1, file2, file3, file4 and 3 more".to_owned()]
        );
        for number in 0..100 {
            lost.add(&format!("user.{number}"), "file".to_owned());
        }
        assert_eq!(lost.losses().len(), KINDS + 1);
        assert!(lost.remarks().is_empty());
    }
}
