//! `cargo xtask bench trees`: an OS tree made from another, beside `cp -a` with its `sync` on the same file system.
//!
//! Both take turns on the same tree, so that what else the machine does meets both; a ratio is of two neighbours in time.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::loop_disk::{Disk, LoopDisk, tool};
use disklessset_tests::need;
use serde_json::Value;

use super::demands::Demands;
use super::made_tree::{Data, Size, fill, make_dir};
use super::samples::{Samples, Strictness};
use crate::command::{Output, Tool};
use crate::dist;
use crate::failure::Failure;
use crate::say;
use crate::source_tree::{SourceTree, cargo};

/// The tree.
const TREE: Size = Size { files: 15_000, directories: 1_500, bytes: 500_000_000 };
/// Pairs of runs of which the median counts.
const ROUNDS: usize = 9;
const SNAPSHOTS: usize = 20;
const NODES: usize = 100;
const TOOLS: [&str; 6] = ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "btrfs", "filefrag", "cp"];

/// Builds with optimisation, measures, prints, and fails when a demand does not hold.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::Plain("bench trees makes file systems and needs root".to_owned()));
    }
    if let Some(lack) = TOOLS.iter().find(|tool| need::find_tool(tool).is_none()) {
        return Err(Failure::Plain(format!("bench trees needs {lack}: cargo xtask setup installs it")));
    }
    let copier = build(&SourceTree::find()?)?;
    let place = tempfile::Builder::new()
        .prefix("disklessset-bench-")
        .tempdir_in("/var/tmp")
        .map_err(|cause| Failure::Plain(format!("cannot make a directory in /var/tmp: {cause}")))?;
    let place = Utf8Path::from_path(place.path()).expect("the prefix is plain text");
    let mut demands = Demands::of("trees");
    // One disk at a time: each takes 1.5 GB.
    for kind in Disk::ALL {
        say::step(&format!("{} files with {} MB on {kind}", TREE.files, TREE.bytes / 1_000_000));
        let disk = LoopDisk::new(place, kind, 4 << 10).map_err(said)?;
        let bench = Bench { copier: &copier, disk: &disk, source: disk.path().join("tree") };
        bench.fill()?;
        bench.copies("copy", 0.9, &mut demands)?;
        if kind != Disk::Ext4 {
            bench.copies("reflink", 0.4, &mut demands)?;
            bench.blocks(&mut demands)?;
        }
        if kind == Disk::Btrfs {
            bench.snapshots(&mut demands)?;
        }
    }
    demands.verdict(strictness)
}

fn said(cause: std::io::Error) -> Failure {
    Failure::Plain(cause.to_string())
}

/// The kit's copier as a program of its own.
fn build(tree: &SourceTree) -> Result<Utf8PathBuf, Failure> {
    say::step("build");
    let mut program = None;
    let build = cargo().dir(&tree.root).args(["build", "--release", "--package", "disklessset-kit"]);
    let build = build.args(["--example", "copy_tree", "--message-format", "json-render-diagnostics"]);
    build.minutes(30).output(Output::Messages).run_watched(|line| {
        if let Some((name, file)) = dist::artifact(line)
            && name == "copy_tree"
        {
            program = Some(file);
        }
    })?;
    program.ok_or_else(|| Failure::Plain("cargo built no copy_tree".to_owned()))
}

struct Bench<'a> {
    copier: &'a Utf8Path,
    disk: &'a LoopDisk,
    source: Utf8PathBuf,
}

impl Bench<'_> {
    fn at(&self, name: &str) -> Utf8PathBuf {
        self.disk.path().join(name)
    }

    /// Makes the tree: sizes as in an operating system, many small files and few large ones.
    fn fill(&self) -> Result<(), Failure> {
        if self.disk.path().ends_with("btrfs") {
            tool("btrfs", &["-q", "subvolume", "create", self.source.as_str()]).map_err(said)?;
        } else {
            make_dir(&self.source)?;
        }
        fill(&self.source, TREE, Data::Noise)?;
        self.sync()
    }

    /// Nothing is left to be written that would slow the next run down.
    fn sync(&self) -> Result<(), Failure> {
        tool("sync", &["--file-system", self.disk.path().as_str()]).map(drop).map_err(said)
    }

    fn remove(&self, path: &Utf8Path) -> Result<(), Failure> {
        tool("rm", &["-rf", "--", path.as_str()]).map_err(said)?;
        self.sync()
    }

    /// Makes trees, seconds each.
    fn make(&self, method: &str, targets: &[Utf8PathBuf]) -> Result<Vec<f64>, Failure> {
        let targets = targets.iter().map(|target| target.as_str());
        let done = Tool::new(self.copier.as_str()).args([method, self.source.as_str()]).args(targets);
        let done = done.output(Output::Kept).run()?;
        done.stdout
            .lines()
            .map(|line| {
                let told: Option<Value> = serde_json::from_str(line).ok();
                told.and_then(|told| told["seconds"].as_f64())
                    .ok_or_else(|| Failure::Plain(format!("copy_tree said {line:?}")))
            })
            .collect()
    }

    fn ours(&self, method: &str) -> Result<f64, Failure> {
        let target = self.at("ours");
        let seconds = self.make(method, std::slice::from_ref(&target))?;
        self.remove(&target)?;
        Ok(seconds.iter().sum())
    }

    fn cp(&self) -> Result<f64, Failure> {
        let target = self.at("cp");
        let begun = Instant::now();
        tool("cp", &["-a", "--reflink=never", self.source.as_str(), target.as_str()]).map_err(said)?;
        self.sync()?;
        let seconds = begun.elapsed().as_secs_f64();
        self.remove(&target)?;
        Ok(seconds)
    }

    /// One method against `cp -a`, by turns, each first in every other round.
    fn copies(&self, method: &str, most: f64, demands: &mut Demands) -> Result<(), Failure> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let ratios = Samples::take(ROUNDS, |round| {
            let (mine, cp) = if round % 2 == 0 {
                let cp = self.cp()?;
                (self.ours(method)?, cp)
            } else {
                (self.ours(method)?, self.cp()?)
            };
            ours.push(mine);
            theirs.push(cp);
            Ok(mine / cp)
        })?;
        say::note(&format!("{method}: {} s; cp -a and sync: {} s", Samples::of(ours), Samples::of(theirs)));
        demands.at_most(&format!("{method} to cp -a"), &ratios, most);
        Ok(())
    }

    /// Whether a shared tree has blocks of its own: every piece of every file is another's too, or lies in the metadata.
    fn blocks(&self, demands: &mut Demands) -> Result<(), Failure> {
        let target = self.at("shared");
        self.make("reflink", std::slice::from_ref(&target))?;
        self.sync()?;
        let list = tool("find", &[target.as_str(), "-type", "f", "-exec", "filefrag", "-v", "{}", "+"]);
        let list = list.map_err(said)?;
        let pieces = list.lines().filter(|line| is_piece(line));
        let (shared, own): (Vec<&str>, Vec<&str>) =
            pieces.partition(|line| line.contains("shared") || line.contains("inline"));
        let measured = format!("{} pieces shared, {} of its own", shared.len(), own.len());
        let holds = own.is_empty() && shared.len() as u64 >= TREE.files * 9 / 10;
        demands.check("data blocks of a reflink", &measured, "none of its own", holds);
        self.remove(&target)
    }

    fn snapshots(&self, demands: &mut Demands) -> Result<(), Failure> {
        let times = Samples::take(SNAPSHOTS, |_| Ok(self.ours("snapshot")? * 1000.0))?;
        demands.check("a snapshot, ms", &times, "less than 50", times.median() < 50.0);
        let nodes: Vec<_> = (1..=NODES).map(|number| self.at(&format!("n{number:03}"))).collect();
        let begun = Instant::now();
        self.make("snapshot", &nodes)?;
        let seconds = format!("{:.2}", begun.elapsed().as_secs_f64());
        let holds = begun.elapsed().as_secs_f64() < 5.0;
        demands.check(&format!("{NODES} nodes by snapshot, s"), &seconds, "less than 5", holds);
        Ok(())
    }
}

/// A line of `filefrag -v` that tells of a piece: `   0:        0..       3:      34..      37:      4:             last,shared,eof`.
fn is_piece(line: &str) -> bool {
    let number = line.split(':').next().unwrap_or_default();
    number.starts_with(' ') && number.trim().parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_told_from_headings() {
        assert!(is_piece("   0:        0..       3:      34..      37:      4:             last,shared,eof"));
        assert!(!is_piece(" ext:     logical_offset:        physical_offset: length:   expected: flags:"));
        assert!(!is_piece("File size of /a/b: 1 is 4096 (1 block of 4096 bytes)"));
        assert!(!is_piece("/a/b: 1 extent found"));
    }
}
