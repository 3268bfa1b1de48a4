//! `cargo xtask bench start`: what it takes until a command of the program has answered, beside a program that does nothing.

use super::Installed;
use super::demands::Demands;
use super::samples::Strictness;
use super::site::Site;
use super::timing::{bare, by_turns, milliseconds};
use crate::failure::Failure;
use crate::say;

const ROUNDS: usize = 41;
/// Milliseconds with the shipped modules.
const MOST: f64 = 5.0;

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    let installed = Installed::build()?;
    let site = Site::new(&installed, "root")?;
    say::step("module list, with the shipped modules");
    let nothing = || milliseconds(&mut bare("true"));
    let (start, least, _) = by_turns(ROUNDS, || site.takes(&["module", "list"]), nothing)?;
    say::note(&format!("a program that does nothing: {least} ms"));
    let mut demands = Demands::of("start");
    demands.at_most("from the start to the answer, ms", &start, MOST);
    demands.verdict(strictness)
}
