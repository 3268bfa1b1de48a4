//! Inputs made up out of the corpus, the same in every run: a test command that is red by chance tells nobody anything. Others are for
//! `cargo xtask fuzz`, which has an engine for it.
//!
//! One test, as memory is measured.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use disklessset_fuzz::{TARGETS, Target};
use fastrand::Rng;
use std::{path::Path, time::Duration};

/// The seed of all inputs.
const SEED: u64 = 0x6469_736b_6c65_7373;
/// How many inputs each target gets.
const INPUTS: usize = 200;
/// For one input, unoptimised and on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A seed with some bytes changed, taken out, doubled, or taken from another.
fn made_up(rng: &mut Rng, seeds: &[Vec<u8>], longest: usize) -> Vec<u8> {
    let mut data = seeds[rng.usize(..seeds.len())].clone();
    for _ in 0..rng.usize(1..6) {
        let (at, end) = (rng.usize(..=data.len()), rng.usize(..=data.len()));
        let range = at.min(end)..at.max(end).min(at.min(end) + 64);
        match rng.u8(..5) {
            0 if at < data.len() => data[at] ^= 1 << rng.u8(..8),
            1 => data.insert(
                at,
                *b"\0\n\t\r \"'#$%&*+,-./:;<=>?@[]\\{|}~\x7f\x80\xff09aZ".get(rng.usize(..38)).unwrap_or(&0),
            ),
            2 => drop(data.drain(range)),
            3 => {
                let piece = data[range].to_vec();
                drop(data.splice(at..at, piece));
            }
            _ => {
                let other = &seeds[rng.usize(..seeds.len())];
                let from = rng.usize(..=other.len());
                let piece = other[from..other.len().min(from + 64)].to_vec();
                drop(data.splice(at..at, piece));
            }
        }
    }
    data.truncate(longest);
    data
}

#[test]
fn the_same_made_up_inputs_keep_the_promises_of_every_target() {
    for target in TARGETS.iter() {
        let seeds = seeds(target);
        let mut rng = Rng::with_seed(SEED);
        for number in 0..INPUTS {
            let data = made_up(&mut rng, &seeds, target.longest);
            println!("{} {number}: {:?}", target.name, String::from_utf8_lossy(&data));
            let took = target.measured(&data);
            assert!(took < LONGEST, "{} took {took:?} for input {number}", target.name);
        }
    }
}
