//! A server on which one tool is not what it should be: gone, failing, lazy, or cut off in the middle of its work.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Program;

/// What is wrong with a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fault<'a> {
    /// It is not installed.
    Missing,
    /// It ends with exit code 1 and says why.
    Fails,
    /// It ends with exit code 0 and has done nothing.
    DoesNothing,
    /// It ends with exit code 0 after a part of its work; the script is what it does instead of it, with the real tool as `$real`.
    StopsHalfWay(&'a str),
    /// It does all its work, and ends as this script has it.
    AfterItsWork(&'a str),
}

/// Where a stand-in finds the tool itself.
const REAL: &str = "/usr/bin/.real-tool-of-a-test";

/// The program on a server that has this in the place of a tool.
pub(in super::super) fn with_faulty(
    root: &TestRoot,
    tool: &str,
    fault: Fault<'_>,
    program: Program,
) -> Program {
    let real = need::find_tool(tool).unwrap_or_else(|| format!("/usr/bin/{tool}").into());
    let place = tempfile::tempdir_in(root.beside()).unwrap().keep();
    let place = place.to_str().unwrap();
    let script = match fault {
        Fault::Missing => None,
        Fault::Fails => Some("echo \"$0: broken on purpose\" >&2\nexit 1".to_owned()),
        Fault::DoesNothing => Some("exit 0".to_owned()),
        Fault::AfterItsWork(end) => Some(format!("{REAL} \"$@\"\n{end}")),
        Fault::StopsHalfWay(script) => Some(format!("real={REAL}\n{script}\nexit 0")),
    };
    // In overlays: a file that is not there cannot be made by a bind mount, and others use the same directories meanwhile.
    let mut set_up = format!(
        "set -e; mount -t tmpfs none {place}; cat {real} >{place}/real; chmod 755 {place}/real; \
         for d in /usr/bin /usr/sbin; do mkdir -p {place}/u$d {place}/w$d; \
         mount -t overlay -o lowerdir=$d,upperdir={place}/u$d,workdir={place}/w$d none $d; done; \
         rm -f /usr/bin/{tool} /usr/sbin/{tool}; "
    );
    // Where programs see it that see little of the server.
    set_up.push_str(&format!("cat {place}/real >{REAL}; chmod 755 {REAL}; "));
    if let Some(script) = script {
        let file = root.beside().join(format!("faulty-{tool}"));
        super::super::small::put(&file, format!("#!/bin/sh\n{script}\n").as_bytes(), 0o755);
        set_up.push_str(&format!("cat {file} >{real}; chmod 755 {real}; "));
    }
    set_up.push_str("exec \"$0\" \"$@\"");
    program.behind("unshare", &["--mount", "sh", "-c", &set_up])
}
