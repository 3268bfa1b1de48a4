//! Commands that are timed, and the most memory that one takes.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are timed bare, without the watching that other tasks do"
)]

use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

use super::samples::Samples;
use crate::failure::Failure;
use crate::say;

/// A program that is timed.
pub(super) fn bare(program: &str) -> Command {
    Command::new(program)
}

/// Milliseconds of a command that ends well; what it says goes nowhere.
pub(super) fn milliseconds(command: &mut Command) -> Result<f64, Failure> {
    let started = Instant::now();
    let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let took = started.elapsed().as_secs_f64() * 1e3;
    let ended = ended.map_err(|cause| Failure::Plain(format!("cannot run {command:?}: {cause}")))?;
    if ended.status.success() {
        return Ok(took);
    }
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let last = said.lines().next_back().unwrap_or_default();
    Err(Failure::Plain(format!("{command:?} ended with {}: {last}", ended.status)))
}

/// Two commands by turns, each first in every other round: their milliseconds, and the ratios of neighbours in time.
pub(super) fn by_turns(
    rounds: usize,
    mut ours: impl FnMut() -> Result<f64, Failure>,
    mut theirs: impl FnMut() -> Result<f64, Failure>,
) -> Result<(Samples, Samples, Samples), Failure> {
    let (mut own, mut other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (mine, its) = if round % 2 == 0 {
            let its = theirs()?;
            (ours()?, its)
        } else {
            (ours()?, theirs()?)
        };
        own.push(mine);
        other.push(its);
        ratios.push(mine / its);
    }
    Ok((Samples::of(own), Samples::of(other), Samples::of(ratios)))
}

/// The peak memory of a command in MiB. It runs below a process of its own: the system only tells the peak of all children together.
pub(super) fn peak_mib(command: &Command) -> Result<f64, Failure> {
    // By its name this program may be another one by now, or gone: what was built meanwhile took its place.
    let peak = Command::new("/proc/self/exe")
        .arg("peak")
        .arg("--")
        .arg(command.get_program())
        .args(command.get_args())
        .output();
    let peak = peak.map_err(|cause| Failure::Plain(format!("cannot measure memory: {cause}")))?;
    let text = String::from_utf8_lossy(&peak.stdout);
    let kib: f64 =
        text.trim().parse().map_err(|_| Failure::Plain(format!("cannot measure memory: {text:?}")))?;
    Ok(kib / 1024.0)
}

/// Runs a program and prints its peak memory in KiB: the process that [`peak_mib`] starts.
pub(crate) fn peak(words: &[String]) -> Result<(), Failure> {
    let (program, args) =
        words.split_first().ok_or_else(|| Failure::Plain("no program was named".to_owned()))?;
    let ended = Command::new(program).args(args).stdout(Stdio::null()).status();
    ended.map_err(|cause| Failure::Plain(format!("cannot run {program}: {cause}")))?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|cause| Failure::Plain(cause.to_string()))?;
    say::line(&usage.max_rss().to_string());
    Ok(())
}
