//! `cargo xtask bench create`: an image from packages, beside the tools that make it, and a second one of the same packages.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are timed bare, without the watching that other tasks do"
)]

use std::time::Instant;

use super::Installed;
use super::demands::Demands;
use super::samples::{Samples, Strictness};
use super::site::Site;
use crate::failure::Failure;
use crate::say;

/// Our own share of the time, of that of the tools.
const MOST_OURS: f64 = 0.15;
/// Seconds of a second image of the same packages.
const MOST_SECOND: f64 = 5.0;
const SECONDS: usize = 3;

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() || disklessset_tests::need::find_tool("mmdebstrap").is_none() {
        say::note("making an image needs root and mmdebstrap: left out");
        return Ok(());
    }
    let installed = Installed::build()?;
    let site = Site::new(&installed, "root")?;
    let mut demands = Demands::of("create");
    say::step("livenet create, from packages");
    let first = one(&site, "first")?;
    for (tool, seconds) in first.tools.iter().filter(|(_, seconds)| *seconds >= 0.1) {
        say::note(&format!("{tool}: {seconds:.1} s"));
    }
    let ours = Samples::of(vec![(first.wall - first.of_tools()) / first.of_tools()]);
    demands.at_most(
        &format!("our own time, of that of the tools ({:.1} s)", first.of_tools()),
        &ours,
        MOST_OURS,
    );
    say::step("further images of the same packages");
    let further = Samples::take(SECONDS, |number| Ok(one(&site, &format!("further-{number}"))?.wall))?;
    demands.at_most("a further image of the same packages, s", &further, MOST_SECOND);
    demands.verdict(strictness)
}

/// What an image took, and each tool.
struct Took {
    wall: f64,
    tools: Vec<(String, f64)>,
}

impl Took {
    fn of_tools(&self) -> f64 {
        self.tools.iter().map(|(_, seconds)| seconds).sum()
    }
}

fn one(site: &Site<'_>, name: &str) -> Result<Took, Failure> {
    let create =
        ["-d", "livenet", "create", name, "--kernel", "from-image", "--source", "apt", "--type", "core"];
    let mut command = site.command(&create);
    let started = Instant::now();
    let output = command.args(["--kernel-package", "linux-image-cloud-amd64"]).output();
    let output = output.map_err(|cause| Failure::Plain(format!("cannot run {command:?}: {cause}")))?;
    let wall = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(Failure::Plain(said.lines().last().unwrap_or("the creation failed").to_owned()));
    }
    Ok(Took { wall, tools: said.lines().filter_map(took).collect() })
}

/// `TOOL took SECONDS s`, as the program says with `-d`.
fn took(line: &str) -> Option<(String, f64)> {
    let (before, after) = line.split_once(" took ")?;
    let seconds = after.strip_suffix(" s")?.parse().ok()?;
    Some((before.rsplit(' ').next()?.to_owned(), seconds))
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_are_found_in_what_the_program_says() {
        assert_eq!(super::took("mmdebstrap took 12.50 s"), Some(("mmdebstrap".to_owned(), 12.5)));
        assert_eq!(super::took("debug: dracut took 4.00 s"), Some(("dracut".to_owned(), 4.0)));
        assert_eq!(super::took("it took long"), None);
    }
}
