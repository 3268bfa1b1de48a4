//! What tests of this room share: processes of their own to be signalled and killed, and temporary places.

use std::io::Write;
use std::process::{Command, Stdio};

const ROLE: &str = "DISKLESSSET_TEST_ROLE";
const ARGUMENT: &str = "DISKLESSSET_TEST_ARGUMENT";

/// A command that runs one test of this very binary in a process of its own, in the given role.
#[allow(clippy::disallowed_methods, reason = "tests start processes of their own")]
pub(crate) fn helper(test: &str, role: &str, argument: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env(ARGUMENT, argument).stdin(Stdio::null());
    command
}

/// The argument, when this process was started by [`helper`] in that role.
pub(crate) fn is_helper(role: &str) -> Option<String> {
    (std::env::var(ROLE).ok()? == role).then(|| std::env::var(ARGUMENT).unwrap_or_default())
}

/// Whether to go on with a test that needs root; says loudly that it is skipped otherwise.
pub(crate) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        // Not eprintln!, which the test harness keeps to itself when a test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED, needs root: {test}");
    }
    root
}

/// Whether to go on with a test that needs a program of the system; says loudly that it is skipped otherwise.
#[allow(clippy::disallowed_methods, reason = "tests start processes of their own")]
pub(crate) fn has_tool(test: &str, program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        let _ = writeln!(std::io::stderr(), "SKIPPED, needs {program}: {test}");
    }
    found
}
