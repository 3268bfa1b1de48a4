//! `cargo xtask bench pack`: a livenet image of a tree, by turns with mksquashfs alone and the same options, and with `ltsp image` of the
//! same tree where it is installed.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;

use super::Installed;
use super::demands::Demands;
use super::made_tree::{Data, Size, fill, make_dir, make_system, put};
use super::samples::{Samples, Strictness};
use super::site::{KERNEL, Site};
use super::timing::{bare, by_turns, milliseconds};
use crate::failure::Failure;
use crate::say;

/// Pairs of runs, and for a bench among tests.
const ROUNDS: (usize, usize) = (7, 1);
/// Megabytes of the tree, and for a bench among tests.
const SIZE: (u64, u64) = (1000, 30);
/// What making an image may cost of packing its tree.
const MOST: f64 = 1.15;
/// The options of the default.
const OPTIONS: [&str; 10] =
    ["-noappend", "-no-progress", "-comp", "zstd", "-Xcompression-level", "6", "-b", "128K", "-mem", "256M"];
/// What is no part of an image.
const LEFT_OUT: [&str; 6] = ["boot", "dev", "proc", "run", "sys", "tmp"];

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        say::note("making an image needs root: left out");
        return Ok(());
    }
    let small = strictness == Strictness::Told;
    let (rounds, megabytes) = if small { (ROUNDS.1, SIZE.1) } else { (ROUNDS.0, SIZE.0) };
    let installed = Installed::build()?;
    let site = Site::new(&installed, "root")?;
    let bench = Bench { site: &site, place: &installed.place, tree: installed.place.join("tree") };
    say::step(&format!("livenet images of a tree of {megabytes} MB"));
    bench.prepare(megabytes)?;
    let mut demands = Demands::of("pack");
    // What the first one reads from the disk the others have in memory.
    bench.mksquashfs()?;
    let (ours, alone, ratios) = by_turns(rounds, || bench.ours(), || bench.mksquashfs())?;
    demands.at_most("livenet create to mksquashfs", &ratios, MOST);
    tell(&ours, &alone, "mksquashfs");
    if need::find_tool("ltsp").is_some() {
        // An image of ours is on disk when it is reported; so is theirs to be.
        let (ours, ltsp, ratios) = by_turns(rounds, || bench.ours(), || bench.ltsp())?;
        demands.at_most("livenet create to ltsp image and its flush", &ratios, 1.0);
        tell(&ours, &ltsp, "ltsp image");
    } else {
        say::note("the program ltsp is not installed: left out");
    }
    demands.verdict(strictness)
}

fn tell(ours: &Samples, theirs: &Samples, who: &str) {
    say::note(&format!("livenet create: {ours} ms; {who}: {theirs} ms"));
}

struct Bench<'a> {
    site: &'a Site<'a>,
    place: &'a Utf8Path,
    tree: Utf8PathBuf,
}

impl Bench<'_> {
    /// A tree that passes for an operating system, for LTSP too.
    fn prepare(&self, megabytes: u64) -> Result<(), Failure> {
        fill(&self.tree, Size::of_megabytes(megabytes), Data::Programs)?;
        make_system(&self.tree, KERNEL)?;
        make_dir(&self.tree.join("boot"))?;
        for (file, text) in [
            ("etc/group".to_owned(), "root:x:0:\n"),
            ("etc/gshadow".to_owned(), "root:*::\n"),
            (format!("boot/vmlinuz-{KERNEL}"), "kernel"),
            (format!("boot/initrd.img-{KERNEL}"), "initramfs"),
        ] {
            put(&self.tree.join(file), text.as_bytes())?;
        }
        self.settle().map(drop)
    }

    /// Has all on disk: nothing is left to be written that would slow the next run down. Gives the milliseconds that it took.
    fn settle(&self) -> Result<f64, Failure> {
        milliseconds(bare("sync").args(["--file-system", self.place.as_str()]))
    }

    fn ours(&self) -> Result<f64, Failure> {
        let source = format!("tree:{}", self.tree);
        let create =
            ["livenet", "create", "web", "--kernel", KERNEL, "--layout", "flat", "--source", &source];
        let taken = self.site.takes(&create)?;
        self.site.takes(&["remove", "web", "--yes"])?;
        let _ = self.settle()?;
        Ok(taken)
    }

    fn mksquashfs(&self) -> Result<f64, Failure> {
        let file = self.place.join("alone.img");
        let mut command = bare("mksquashfs");
        command.args([self.tree.as_str(), file.as_str()]).args(OPTIONS).args(["-wildcards", "-e"]);
        let taken = milliseconds(command.args(LEFT_OUT.map(|directory| format!("{directory}/*"))))?;
        self.forget(&[&file])?;
        Ok(taken)
    }

    /// It leaves out what is its own to leave out, and copies the kernel.
    fn ltsp(&self) -> Result<f64, Failure> {
        let (base, tftp) = (self.place.join("ltsp"), self.place.join("tftp"));
        let mut command = bare("ltsp");
        command.env("BASE_DIR", &base).env("TFTP_DIR", &tftp);
        let packed = milliseconds(command.args(["image", self.tree.as_str(), "-m", &OPTIONS.join(" ")]))?;
        let taken = packed + self.settle()?;
        self.forget(&[&base, &tftp])?;
        Ok(taken)
    }

    fn forget(&self, paths: &[&Utf8Path]) -> Result<(), Failure> {
        milliseconds(bare("rm").args(["-rf", "--"]).args(paths))?;
        self.settle().map(drop)
    }
}
