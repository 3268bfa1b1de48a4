//! `cargo xtask bench clean`: what the cleaning of a CORRUPTED image costs beyond removing its files.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are timed bare, without the watching that other tasks do"
)]

use std::process::{Command, Stdio};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::Installed;
use super::demands::Demands;
use super::samples::{Samples, Strictness};
use crate::failure::{self, Failure};
use crate::say;

/// Images that crashed, of each run.
const IMAGES: usize = 200;
const RUNS: usize = 3;
/// What one may cost beyond removing its files, in milliseconds.
const MOST: f64 = 5.0;
/// Where images lie below a root.
const PLACE: &str = "var/www/html/preboot_execution_environment/diskless/images";

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    let installed = Installed::build()?;
    let place = &installed.place;
    let config = place.join("config.yml");
    // The next creation is not to clean what the one before left.
    std::fs::write(&config, "autoclean: false\n").map_err(failure::file("write", &config))?;
    say::step(&format!("clean of {IMAGES} images whose creation crashed"));
    let beyond = Samples::take(RUNS, |run| one(&installed, &config, run))?;
    let mut demands = Demands::of("clean");
    let holds = beyond.median() <= MOST;
    let demanded = format!("{MOST} ms");
    demands.check("an image costs beyond removing its files, in ms", &beyond, &demanded, holds);
    demands.verdict(strictness)
}

/// Milliseconds an image of one run.
fn one(installed: &Installed, config: &Utf8Path, run: usize) -> Result<f64, Failure> {
    let Installed { built, modules, place, .. } = installed;
    let root: Utf8PathBuf = place.join(format!("root-{run}"));
    std::fs::create_dir(&root).map_err(failure::file("make", &root))?;
    let command = |args: &[&str]| {
        let mut command = Command::new(&built.program);
        let own = ["--root", root.as_str(), "--modules-dir", modules.as_str(), "--config", config.as_str()];
        command.args(own).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    for number in 0..IMAGES {
        // It ends by a signal of its own.
        let _ = seconds(command(&["demo", "create", &format!("i{number:03}"), "--crash"]));
    }
    let there = || root.join(PLACE).read_dir_utf8().map_or(0, Iterator::count);
    if there() < IMAGES {
        return Err(Failure::Plain(format!("only {} of {IMAGES} creations left something", there())));
    }
    let copy = place.join(format!("copy-{run}"));
    let mut cp = Command::new("cp");
    cp.args(["-a", root.join(PLACE).as_str(), copy.as_str()]);
    seconds(cp)?;
    let _ = seconds(Command::new("sync"))?;
    let mut rm = Command::new("rm");
    rm.args(["-rf", copy.as_str()]);
    let removing = seconds(rm)?;
    let cleaning = seconds(command(&["clean", "--yes"]))?;
    if there() > 0 {
        return Err(Failure::Plain(format!("{} images are left by the cleaning", there())));
    }
    say::note(&format!("clean {:.0} ms, rm -rf of the same {:.0} ms", cleaning * 1e3, removing * 1e3));
    #[allow(clippy::cast_precision_loss, reason = "a few hundred")]
    let images = IMAGES as f64;
    Ok((cleaning - removing) * 1e3 / images)
}

/// How long a command takes that ends well.
fn seconds(mut command: Command) -> Result<f64, Failure> {
    let started = Instant::now();
    let status =
        command.status().map_err(|cause| Failure::Plain(format!("cannot run {command:?}: {cause}")))?;
    match status.success() {
        true => Ok(started.elapsed().as_secs_f64()),
        false => Err(Failure::Plain(format!("{command:?} ended with {status}"))),
    }
}
