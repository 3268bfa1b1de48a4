//! Given thousands of nodes: what is done for each of them takes as much longer as there are more.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::super::small::{KERNEL, kernels, put, register_kernel};

/// Four times as many take four times as long; eight times is too much.
const FACTOR: usize = 4;
/// Seconds of a processor, so short that they tell nothing.
const NOTHING: f64 = 0.15;

/// With `--full` as many as large sites have.
fn many() -> usize {
    if std::env::var(need::FULL).is_ok_and(|full| full == "1") { 4000 } else { 400 }
}

/// A root with a golden image whose tree is next to nothing.
fn world() -> TestRoot {
    let root = TestRoot::with_modules(&["nfs"]);
    let tree = root.beside().join("tree");
    put(&tree.join("etc/passwd"), b"root:x:0:0:root:/root:/bin/sh\n", 0o644);
    put(&tree.join("usr/sbin/init"), b"", 0o755);
    for directory in ["dev", "proc", "sys", "run", "tmp"] {
        std::fs::create_dir_all(tree.join(directory)).unwrap();
    }
    put(&tree.join("usr/lib/modules").join(KERNEL).join("modules.dep"), b"", 0o644);
    std::fs::create_dir_all(kernels(&root)).unwrap();
    register_kernel(&root, KERNEL);
    let source = format!("tree:{tree}");
    done(&root, &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source]);
    for image in ["few", "many"] {
        done(&root, &["nfs", "create-golden", image, "--from", "st"]);
    }
    root
}

#[track_caller]
fn done(root: &TestRoot, command: &[&str]) {
    let _ = root.disklessset(command).limit(Duration::from_secs(600)).run().expect_done();
}

/// The seconds of a processor that a command takes: those do not depend on what else is run meanwhile.
#[track_caller]
fn seconds(root: &TestRoot, command: &[&str]) -> f64 {
    let timed = root.disklessset(command).limit(Duration::from_secs(600));
    let timed = timed.behind("bash", &["-c", "TIMEFORMAT='took %U'; time \"$0\" \"$@\""]).run().expect_done();
    let line = timed.said.lines().find_map(|line| line.strip_prefix("took "));
    line.unwrap_or_else(|| panic!("no time: {timed}")).parse().unwrap()
}

#[test]
fn case_39_the_time_grows_as_the_number_of_nodes_does() {
    disklessset_tests::need!(need::root(), need::tool("bash"));
    let root = world();
    let all = [("few", format!("c[1-{}]", many() / FACTOR)), ("many", format!("c[1-{}]", many()))];
    for what in ["add", "export", "unexport", "remove"] {
        let time = |(image, nodes): &(&str, String)| match what {
            "export" => seconds(&root, &["nfs", "export", image, "--per-node"]),
            "unexport" => seconds(&root, &["nfs", "unexport", image]),
            _ => seconds(&root, &["nfs", "nodes", what, image, nodes, "--yes"]),
        };
        let (quarter, whole) = (time(&all[0]), time(&all[1]));
        let most = 2.0 * FACTOR as f64 * quarter.max(NOTHING);
        assert!(whole < most, "{what}: {quarter} s for a quarter, {whole} s for all");
    }
}
