//! All tests of the built program, in one test binary: a folder per tier. Run by `cargo xtask test`, which builds the
//! program first; a single tier by `cargo xtask test journeys`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod boot;
mod guard;
mod journeys;
mod readme;
mod rooms;
mod system;
