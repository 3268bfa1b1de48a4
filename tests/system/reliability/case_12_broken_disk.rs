//! Given a disk that fails to write, or to make durable, once or from then on, under the operations with tools: success is never
//! reported falsely, what nodes are served is old or new.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{Stage, listed_unchanged, served};
use disklessset_tests::strace::{self, Call, Lasting};
use disklessset_tests::versions;

use crate::system::nfs::Nfs;
use crate::system::small::{KERNEL, Small, register_kernel};

/// Calls at which a broken disk is noticed.
const NOTICED: [&str; 7] =
    ["write", "pwrite64", "copy_file_range", "fsync", "fdatasync", "syncfs", "fallocate"];

/// Has a sample of an action's writes fail, with as many calls of each kind as there are of the rarest.
#[track_caller]
fn fail(root: &TestRoot, image: &str, command: &[&str], lasting: Lasting) {
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    let stage = Stage::of(root);
    let (before, old) = (Snapshot::of(root), served(root, image));
    let (unharmed, points) = strace::record(root, root.disklessset(command));
    let _ = unharmed.expect_done();
    let (after, new) = (Snapshot::of(root), served(root, image));
    let mut failures = 0;
    for kind in NOTICED {
        let all: Vec<&Call> = points.iter().filter(|call| call.name == kind).collect();
        // The first, the last, and some between.
        let most = if full { 12 } else { 4 };
        let every = all.len().div_ceil(most).max(1);
        for point in all.iter().rev().step_by(every) {
            stage.restore();
            let failed = strace::failing_at(root.disklessset(command), point, "EIO", lasting).run();
            let words = format!("EIO {lasting:?} at {point} gave {failed}");
            let now = served(root, image);
            let listed = listed_unchanged(root);
            let status = listed.get(image).map(String::as_str);
            assert_ne!(status, Some("IN_CREATION"), "{words}");
            // What is made anew differs in its times; then it must be whole.
            let anew = || status == Some("CREATED") && now.keys().eq(new.keys()) && verified(root, image);
            let same = || canonical(now.clone()) == canonical(new.clone());
            assert!(now == old || same() || anew(), "neither old nor new is served: {words}");
            let good = failed.status.success();
            let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
            let end = Snapshot::of(root);
            // What tells of versions is another one each time.
            let (then, now) = (after.clone().overlooking(&[]), end.clone().overlooking(&[]));
            let (from_before, from_after) =
                (before.differences(&end), coming_and_going(&then.differences(&now)));
            if good {
                // What failed was best effort, or a tool that wrote it again.
                assert!(from_after.is_empty(), "reported what did not happen: {words}\n{from_after}");
            } else {
                failures += 1;
                let either = from_before.is_empty() || from_after.is_empty();
                assert!(either, "{words}\nfrom before:\n{from_before}\nfrom after:\n{from_after}");
            }
        }
    }
    assert!(failures > 2, "only {failures} runs met a broken disk");
    stage.restore();
    stage.forget();
}

fn canonical(served: Served) -> Served {
    versions::canonical(served, &Default::default())
}

type Served = std::collections::BTreeMap<std::path::PathBuf, disklessset_tests::facts::FileFacts>;

fn verified(root: &TestRoot, image: &str) -> bool {
    root.disklessset(&["verify", image]).run().status.success()
}

/// The lines that tell of more than other content.
fn coming_and_going(differences: &str) -> String {
    differences.lines().filter(|line| !line.starts_with("  ~ ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn case_12_a_broken_disk_under_livenet_images() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let small = Small::new();
    let source = format!("tree:{}", small.tree);
    let create = ["livenet", "create", "new", "--kernel", KERNEL, "--source", &source];
    fail(&small.root, "new", &create, Lasting::Once);
    let _ = small.create("web", &[]).run().expect_done();
    register_kernel(&small.root, "6.1.0-other");
    fail(&small.root, "copy", &["clone", "web", "copy"], Lasting::ForGood);
    fail(&small.root, "web", &["kernel", "set", "web", "6.1.0-other"], Lasting::ForGood);
}

#[test]
fn case_12_a_broken_disk_under_nfs_images() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let nfs = Nfs::with_golden();
    fail(&nfs.root, "h", &["nfs", "create-golden", "h", "--from", "st"], Lasting::Once);
    fail(&nfs.root, "g", &["nfs", "nodes", "add", "g", "c1"], Lasting::Once);
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    fail(&nfs.root, "g", &["nfs", "nodes", "remove", "g", "c1", "--yes"], Lasting::ForGood);
}
