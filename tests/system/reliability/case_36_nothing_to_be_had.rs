//! Given no thread, no process, no descriptor to be had, a limit on the size of files, a standard output that is closed or full, or a module
//! that ends the process: one error, all cleaned, the right exit code.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Outcome, Program};

use crate::system::small::Small;

/// The program behind `prlimit`.
fn limited(program: Program, limit: &str) -> Program {
    program.behind("prlimit", &[limit])
}

/// A failure that is told like any other: one error with its causes, no panic, and nothing is left.
#[track_caller]
fn fails_well(what: &str, before: &Snapshot, root: &TestRoot, ended: Outcome) {
    let ended = ended.expect_refusal(&[1]);
    for words in ["panicked", "RUST_BACKTRACE", "stack backtrace"] {
        assert!(!ended.stderr.contains(words), "{what}: {ended}");
    }
    let errors = ended.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{what}: {ended}");
    let left = before.differences(&Snapshot::of(root));
    assert!(left.is_empty(), "{what}: {ended}\n{left}");
}

fn full() -> bool {
    std::env::var(need::FULL).is_ok_and(|full| full == "1")
}

#[test]
fn case_36_no_file_may_be_large() {
    disklessset_tests::need!(need::root(), need::tool("prlimit"));
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    for size in ["0", "100", "5000", "100000", "400000"] {
        let ended = limited(small.create("web", &[]), &format!("--fsize={size}")).run();
        fails_well(size, &before, &small.root, ended);
    }
    let _ = small.create("web", &[]).run().expect_done();
}

#[test]
fn case_36_no_descriptor_is_to_be_had() {
    disklessset_tests::need!(need::root(), need::tool("prlimit"));
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    let mut done = false;
    // Below five the dynamic linker does not find the libraries.
    for number in (5..64).step_by(if full() { 1 } else { 3 }) {
        let ended = limited(small.create("web", &[]), &format!("--nofile={number}")).run();
        if ended.status.success() {
            done = true;
            break;
        }
        fails_well(&format!("{number} descriptors"), &before, &small.root, ended);
    }
    assert!(done, "64 descriptors are not enough");
}

/// As root has no limit on processes: the call that makes one fails as if there was one.
#[test]
fn case_36_no_thread_and_no_process_is_to_be_had() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    let mut tried = 0;
    for number in 1..64 {
        let none = format!("inject=clone,clone3,vfork,fork:error=EAGAIN:when={number}+");
        let arguments = ["-qq", "-o", "/dev/null", "-e", "trace=clone,clone3,vfork,fork", "-e", &none];
        let ended = small.create("web", &[]).behind("strace", &arguments).run();
        if ended.status.success() {
            break;
        }
        fails_well(&format!("no process from number {number} on"), &before, &small.root, ended);
        tried += 1;
    }
    assert!(tried > 1, "only {tried} were refused");
}

#[test]
fn case_36_another_user_without_threads_gets_one_line() {
    disklessset_tests::need!(need::root(), need::tool("prlimit"), need::tool("runuser"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    for command in [&["list"][..], &["verify"], &["show", "web"]] {
        let program = limited(small.root.disklessset(command), "--nproc=1");
        let ended = program.behind("runuser", &["-u", "nobody", "--"]).run();
        assert!(!ended.stderr.contains("panicked"), "{ended}");
        assert!(ended.status.code().is_some_and(|code| code < 6), "{ended}");
    }
}

#[test]
fn case_36_a_standard_output_that_is_closed_or_full() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let before = Snapshot::of(&root);
    for redirected in ["exec \"$0\" \"$@\" >&-", "exec \"$0\" \"$@\" >/dev/full"] {
        for command in
            [&["list"][..], &["list", "--format", "json"], &["show", "a"], &["kernel", "list"], &["--help"]]
        {
            let ended = root.disklessset(command).behind("sh", &["-c", redirected]).run();
            if *command != ["kernel", "list"] {
                fails_well(redirected, &before, &root, ended.expect_said("standard output"));
            }
        }
    }
    // What prints no data loses none.
    let quiet = ["-c", "exec \"$0\" \"$@\" >&- 2>&-"];
    let _ = root.disklessset(&["demo", "create", "b"]).behind("sh", &quiet).run().expect_done();
    assert_eq!(root.images().len(), 2);
}

#[test]
fn case_36_a_module_that_ends_the_process_is_no_success() {
    let root = TestRoot::with_modules(&["misbehaving"]);
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    let create = || root.disklessset(&["misbehaving", "create-exit", "web"]).run();
    let ended = create().expect_refusal(&[1]).expect_said("module misbehaving, in its step");
    let _ = ended.expect_said("called exit").expect_said("disklessset clean");
    assert_eq!(root.images()[0]["status"], "CORRUPTED");
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done().expect_said("cleaned image web");
    assert!(root.images().is_empty());
    Snapshot::assert_nothing_held(&root);
    let _ = create().expect_refusal(&[1]);
    let _ = root.disklessset(&["clear", "web", "--yes"]).run().expect_done();
}
