//! Which files belong to packages that differ: those are many, and their packages say why.

use super::{
    compared::{Key, Pairs},
    database::{Database, Tree},
};
use crate::comparison::{files::Which, found::Trees};
use disklessset_plugin_api::Result;
use std::{
    collections::{BTreeMap, hash_map::RandomState},
    hash::BuildHasher,
};

/// More files of packages than this are not remembered: they stand for themselves then.
const MOST: usize = 1 << 20;
/// Directories that distributions have moved below `/usr`, with a link left: their databases name files by
/// either path.
const MOVED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Remembers files by a number made from their paths, of a kind that nobody outside can foresee.
#[derive(Default)]
pub(in crate::comparison) struct Owners {
    hasher: RandomState,
    old: Vec<(u64, u32)>,
    new: Vec<(u64, u32)>,
    names: Vec<String>,
}

impl Owners {
    /// Learns the files of packages that differ from the database of one tree.
    ///
    /// # Errors
    /// When a stop was asked for.
    pub(super) fn learn(
        &mut self,
        database: &Database,
        which: Which,
        pairs: &Pairs,
        trees: &Trees<'_>,
    ) -> Result<()> {
        let mut numbers: BTreeMap<&Key, u32> = BTreeMap::new();
        for pair in &pairs.0 {
            let here = match which {
                Which::Old => pair.old.is_some(),
                Which::New => pair.new.is_some(),
            };
            let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
            if here && numbers.insert(&pair.key, number).is_none() {
                self.names.push(pair.key.name.clone());
            }
        }
        if numbers.is_empty() {
            return Ok(());
        }
        let tree = Tree::at(trees.of(which)).ok();
        let moved: Vec<(String, Vec<u8>)> = MOVED
            .into_iter()
            .filter_map(|name| Some((format!("/{name}/"), tree.as_ref()?.link(name)?)))
            .collect();
        let (hasher, known) = match which {
            Which::Old => (&self.hasher, &mut self.old),
            Which::New => (&self.hasher, &mut self.new),
        };
        let mut real = Vec::new();
        let mut keep = |path: &[u8], number: u32| {
            real.clear();
            match moved.iter().find(|(from, _)| path.starts_with(from.as_bytes())) {
                Some((from, to)) => {
                    real.push(b'/');
                    real.extend_from_slice(to);
                    real.extend_from_slice(path.get(from.len() - 1..).unwrap_or_default());
                }
                None => real.extend_from_slice(path),
            }
            if known.len() == known.capacity() {
                tidy(known);
            }
            known.push((hasher.hash_one(&real), number));
            known.len() < MOST
        };
        database.files(&|key| numbers.get(key).copied(), &mut keep)
    }

    /// Puts all in order, after which they are found.
    pub(super) fn finish(&mut self) {
        tidy(&mut self.old);
        tidy(&mut self.new);
    }

    /// The package that differs and has this file in one of the trees.
    pub(in crate::comparison) fn of(&self, which: Which, path: &[u8]) -> Option<String> {
        let known = match which {
            Which::Old => &self.old,
            Which::New => &self.new,
        };
        let wanted = self.hasher.hash_one(path.to_vec());
        let place = known.binary_search_by_key(&wanted, |(hash, _)| *hash).ok()?;
        let (_, number) = known.get(place)?;
        self.names.get(*number as usize).cloned()
    }
}

fn tidy(known: &mut Vec<(u64, u32)>) {
    known.sort_unstable();
    known.dedup_by_key(|(hash, _)| *hash);
}
