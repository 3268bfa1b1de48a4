//! The whole program: the command line, and the menu where no command was given.

use crate::{cli, menu};
use std::process::ExitCode;

/// Does what the process's arguments ask for and tells how it ended: 0 done, 1 failed, 2 wrong usage, 3 not found,
/// 4 busy, 5 refused, 130 or 143 interrupted.
pub fn run() -> ExitCode {
    cli::run(menu::begin)
}
