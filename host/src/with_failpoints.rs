//! The program with failpoints compiled in, for tests: nobody installs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    disklessset::program::run()
}
