//! What the lines of a log begin with. What a tool prints is indented, so that nothing that it prints passes for another line.

/// The command line of a tool that is run.
pub(crate) const RUNS: &str = "+ ";
/// How it ended.
pub(crate) const ENDED: &str = "= ";
/// What it printed.
pub(crate) const PRINTED: &str = "  ";
