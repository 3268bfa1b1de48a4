//! `cargo xtask bench resize`: another size for a flat image, which packs nothing, beside packing it.

use super::Installed;
use super::demands::Demands;
use super::mount::make_image;
use super::samples::{Samples, Strictness};
use super::site::Site;
use crate::failure::Failure;
use crate::say;

const ROUNDS: usize = 7;
/// Megabytes of the tree, and for a bench among tests.
const SIZE: (u64, u64) = (500, 30);
/// Milliseconds that another size may take.
const MOST: f64 = 150.0;

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        say::note("making an image needs root: left out");
        return Ok(());
    }
    let megabytes = if strictness == Strictness::Fails { SIZE.0 } else { SIZE.1 };
    let installed = Installed::build()?;
    let site = Site::new(&installed, "root")?;
    say::step(&format!("a flat image of {megabytes} MB"));
    make_image(&site, megabytes)?;
    let resize = Samples::take(ROUNDS, |round| {
        site.takes(&["livenet", "resize", "web", &format!("{}M", 2_000 + 10 * round)])
    })?;
    let mut demands = Demands::of("resize");
    demands.at_most("another size for a flat image, ms", &resize, MOST);
    demands.verdict(strictness)
}
