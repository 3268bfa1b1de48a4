//! The program `disklessset`: its exit code. All the rest is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    disklessset::program::run()
}
