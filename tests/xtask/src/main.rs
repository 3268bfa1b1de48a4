//! Tasks of the source tree, run as `cargo xtask TASK`: set the machine up, install by hand, try it all, test it all.

mod bench;
mod cli;
mod command;
mod dist;
mod docs;
mod failure;
mod for_authors;
mod fuzz;
mod manual;
mod package;
mod packages;
mod quickstart;
mod say;
mod setup;
mod source_tree;
mod test;
mod units;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::listen_for_interrupts();
    match cli::run() {
        Ok(code) => code,
        Err(failure) => {
            say::failure(&failure);
            ExitCode::FAILURE
        }
    }
}
