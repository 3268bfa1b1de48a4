//! `cargo xtask bench pack`: a livenet image of a tree, beside mksquashfs alone with the same options and `ltsp image` of the same tree.
//!
//! They take turns, so that what else the machine does meets all of them.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are timed bare, without the watching that other tasks do"
)]

use std::process::{Command, Stdio};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;

use super::Installed;
use super::demands::Demands;
use super::made_tree::{Data, Size, fill, make_dir, put};
use super::samples::{Samples, Strictness};
use crate::failure::Failure;
use crate::say;

const TREE: Size = Size { files: 20_000, directories: 2_000, bytes: 1_000_000_000 };
const ROUNDS: usize = 7;
/// What making an image may cost of packing its tree.
const MOST: f64 = 1.15;
const KERNEL: &str = "6.1.0-bench";
const KERNELS: &str = "var/www/html/preboot_execution_environment/diskless/kernels";
/// The options of the default, and what is no part of an image.
const OPTIONS: [&str; 10] =
    ["-noappend", "-no-progress", "-comp", "zstd", "-Xcompression-level", "6", "-b", "128K", "-mem", "256M"];
const LEFT_OUT: [&str; 6] = ["boot", "dev", "proc", "run", "sys", "tmp"];

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::Plain("bench pack mounts overlays and needs root".to_owned()));
    }
    let installed = Installed::build()?;
    let bench = Bench { installed: &installed, tree: installed.place.join("tree") };
    say::step(&format!("images of a tree of {} files with {} MB", TREE.files, TREE.bytes / 1_000_000));
    bench.prepare()?;
    let peer = need::find_tool("ltsp").is_some();
    if !peer {
        say::note("the program ltsp is not here: left out");
    }
    bench.compare(peer, strictness)
}

struct Bench<'a> {
    installed: &'a Installed,
    tree: Utf8PathBuf,
}

impl Bench<'_> {
    fn at(&self, name: &str) -> Utf8PathBuf {
        self.installed.place.join(name)
    }

    /// A tree that passes for an operating system, and a kernel to register.
    fn prepare(&self) -> Result<(), Failure> {
        fill(&self.tree, TREE, Data::Programs)?;
        let modules = format!("usr/lib/modules/{KERNEL}");
        for directory in ["etc", "root", "usr/bin", "var/log", &modules].into_iter().chain(LEFT_OUT) {
            make_dir(&self.tree.join(directory))?;
        }
        let (vmlinuz, initrd) = (format!("boot/vmlinuz-{KERNEL}"), format!("boot/initrd.img-{KERNEL}"));
        for (file, text) in [
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
            ("etc/shadow", "root:*:19000:0:99999:7:::\n"),
            ("etc/group", "root:x:0:\n"),
            ("etc/gshadow", "root:*::\n"),
            (&vmlinuz, "kernel"),
            (&initrd, "initramfs"),
        ] {
            put(&self.tree.join(file), text.as_bytes())?;
        }
        let kernels = self.at("root").join(KERNELS);
        make_dir(&kernels)?;
        put(&kernels.join(format!("vmlinuz-{KERNEL}")), b"kernel")?;
        put(&kernels.join(format!("initramfs-kernel-{KERNEL}")), b"initramfs")?;
        self.settle()
    }

    /// Nothing is left to be written that would slow the next run down.
    fn settle(&self) -> Result<(), Failure> {
        seconds(Command::new("sync").args(["--file-system", self.installed.place.as_str()])).map(drop)
    }

    /// Rounds of all, each first in some of them.
    fn compare(&self, peer: bool, strictness: Strictness) -> Result<(), Failure> {
        // What the first one reads from the disk the others have in memory.
        self.mksquashfs()?;
        let (mut ours, mut alone, mut ltsp) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                alone.push(self.mksquashfs()?);
                ours.push(self.ours()?);
            } else {
                ours.push(self.ours()?);
                alone.push(self.mksquashfs()?);
            }
            if peer {
                ltsp.push(self.ltsp()?);
            }
        }
        let ratio =
            |theirs: &[f64]| Samples::of(ours.iter().zip(theirs).map(|(our, its)| our / its).collect());
        let mut demands = Demands::of("pack");
        let to_alone = ratio(&alone);
        demands.at_most("livenet create to mksquashfs", &to_alone, MOST);
        if peer {
            let to_ltsp = ratio(&ltsp);
            demands.check("livenet create to ltsp image", &to_ltsp, "less than 1", to_ltsp.median() < 1.0);
            say::note(&format!("ltsp image: {} s", Samples::of(ltsp)));
        }
        say::note(&format!("livenet create: {} s; mksquashfs: {} s", Samples::of(ours), Samples::of(alone)));
        demands.verdict(strictness)
    }

    fn ours(&self) -> Result<f64, Failure> {
        let (built, root) = (&self.installed.built, self.at("root"));
        let run = |args: &[&str]| {
            let own = ["--root", root.as_str(), "--modules-dir", self.installed.modules.as_str()];
            seconds(Command::new(&built.program).args(own).args(args))
        };
        let source = format!("tree:{}", self.tree);
        let create =
            ["livenet", "create", "bench", "--kernel", KERNEL, "--layout", "flat", "--source", &source];
        let taken = run(&create)?;
        run(&["remove", "bench", "--yes"])?;
        self.settle()?;
        Ok(taken)
    }

    fn mksquashfs(&self) -> Result<f64, Failure> {
        let file = self.at("alone.img");
        let mut command = Command::new("mksquashfs");
        command.args([self.tree.as_str(), file.as_str()]).args(OPTIONS).args(["-wildcards", "-e"]);
        let taken = seconds(command.args(LEFT_OUT.map(|directory| format!("{directory}/*"))))?;
        self.forget(&file)?;
        Ok(taken)
    }

    /// It leaves out what is its own to leave out, and copies the kernel.
    fn ltsp(&self) -> Result<f64, Failure> {
        let (base, tftp) = (self.at("ltsp"), self.at("tftp"));
        let mut command = Command::new("ltsp");
        command.env("BASE_DIR", &base).env("TFTP_DIR", &tftp);
        let taken = seconds(command.args(["image", self.tree.as_str(), "-m", &OPTIONS.join(" ")]))?;
        self.forget(&base)?;
        Ok(taken)
    }

    fn forget(&self, path: &Utf8Path) -> Result<(), Failure> {
        seconds(Command::new("rm").args(["-rf", "--", path.as_str()]))?;
        self.settle()
    }
}

/// How long a command takes that ends well.
fn seconds(command: &mut Command) -> Result<f64, Failure> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status =
        command.status().map_err(|cause| Failure::Plain(format!("cannot run {command:?}: {cause}")))?;
    match status.success() {
        true => Ok(started.elapsed().as_secs_f64()),
        false => Err(Failure::Plain(format!("{command:?} ended with {status}"))),
    }
}
