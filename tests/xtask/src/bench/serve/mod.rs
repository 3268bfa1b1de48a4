//! `cargo xtask bench serve`: a root image for many readers at once, beside nginx as Debian configures it.

mod readers;
mod servers;

use camino::Utf8Path;

use super::Installed;
use super::demands::Demands;
use super::samples::{Samples, Strictness};
use crate::failure::{self, Failure};
use crate::say;
use readers::{Portion, read};
use servers::{Kind, Served};

/// Rounds: nginx, ours, and nginx again. What nginx differs from itself is what the machine adds by chance.
const RUNS: usize = 9;
/// How many read at once.
const READERS: [usize; 3] = [1, 64, 1000];
/// The file: that of a node, and one for a bench among tests.
const FILE_MIB: (u64, u64) = (500, 64);
/// What all readers of a round get together, so that it takes a second or more.
const ROUND_MIB: (u64, u64) = (4000, 512);
/// The least that a reader of a round gets: beside less, its connection is what is measured.
const LEAST_MIB: u64 = 12;
/// At least so much of nginx's speed.
const SPEED: f64 = 1.0;
/// At most so many times nginx's processor time.
const PROCESSOR: f64 = 2.0;
/// At most so much memory.
const MEMORY_MIB: f64 = 64.0;

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !Utf8Path::new(servers::NGINX).exists() {
        say::note("there is no nginx to compare with: left out");
        return Ok(());
    }
    let (file_mib, round_mib) = match strictness {
        Strictness::Fails => (FILE_MIB.0, ROUND_MIB.0),
        Strictness::Told => (FILE_MIB.1, ROUND_MIB.1),
    };
    let installed = Installed::build()?;
    let root = installed.place.join("root");
    servers::place_file(&root, file_mib).map_err(failure::file("write the file in", &root))?;
    let ours = Served::start(Kind::Ours, &installed.built.program, &root)?;
    let nginx = Served::start(Kind::Nginx, &installed.built.program, &root)?;
    let mut demands = Demands::of("serve");
    for count in READERS {
        say::step(&format!("{count} readers of a file of {file_mib} MiB"));
        let least = if strictness == Strictness::Fails { LEAST_MIB << 20 } else { 0 };
        let bytes = ((round_mib << 20) / count as u64).max(least);
        compare(&mut demands, (&ours, &nginx), count, Portion { bytes, of_a_request: file_mib << 20 })?;
    }
    let memory = ours.peak_mib()?;
    demands.check("memory in MiB", &memory, &format!("at most {MEMORY_MIB}"), memory <= MEMORY_MIB);
    demands.verdict(strictness)
}

/// Has both servers read by so many, round after round.
fn compare(
    demands: &mut Demands,
    (ours, nginx): (&Served, &Served),
    readers: usize,
    portion: Portion,
) -> Result<(), Failure> {
    let (mut speed, mut processor, mut chance) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let before = Round::of(nginx, readers, portion)?;
        let own = Round::of(ours, readers, portion)?;
        let after = Round::of(nginx, readers, portion)?;
        say::note(&format!("disklessset {own}, nginx {before} and {after}"));
        speed.push(own.bytes_per_second() * 2.0 / (before.bytes_per_second() + after.bytes_per_second()));
        processor.push(own.processor * 2.0 / (before.processor + after.processor));
        chance.push((after.bytes_per_second() / before.bytes_per_second()).ln().abs());
    }
    let (speed, processor, chance) = (Samples::of(speed), Samples::of(processor), Samples::of(chance));
    say::note(&format!("nginx differs from itself by {chance}"));
    demands.at_least(&format!("{readers} readers: speed, of nginx's"), &speed, SPEED);
    demands.at_most(&format!("{readers} readers: processor time, of nginx's"), &processor, PROCESSOR);
    Ok(())
}

/// What one server needed for all readers.
struct Round {
    bytes: u64,
    seconds: f64,
    processor: f64,
}

impl Round {
    fn of(server: &Served, readers: usize, portion: Portion) -> Result<Self, Failure> {
        let before = server.processor_seconds()?;
        let seconds = read(server.address(), servers::PATH, readers, portion)?;
        let processor = server.processor_seconds()? - before;
        Ok(Self { bytes: portion.bytes * readers as u64, seconds, processor })
    }

    #[allow(clippy::cast_precision_loss, reason = "a few gigabytes")]
    fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds
    }
}

impl std::fmt::Display for Round {
    #[allow(clippy::cast_precision_loss, reason = "a few gigabytes")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of_a_gigabyte = self.processor / (self.bytes as f64 / 1e9);
        write!(f, "{:.0} MB/s with {of_a_gigabyte:.3} s a GB", self.bytes_per_second() / 1e6)
    }
}
