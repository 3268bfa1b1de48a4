//! Given a change of nodes that is killed, and another change after it: the second ends the first, and neither spoils the other.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::stage::{Stage, warmed_up};
use disklessset_tests::strace;

#[test]
fn case_40_a_change_of_nodes_after_a_killed_one_ends_it() {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let run = |args: &[&str]| root.disklessset(args).run();
    let _ = run(&["demo", "create", "a"]).expect_done();
    let _ = run(&["pool", "set", "old", "--image", "a", "--nodes", "c[1-2]"]).expect_done();
    let stage = Stage::of(&root);
    let first = ["node", "set", "c[1-3]", "--kernel-parameters", "quiet"];
    let (unharmed, points) = strace::record(&root, root.disklessset(&first));
    let _ = unharmed.expect_done();
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    let (mut old, mut new) = (0, 0);
    for point in points.iter().step_by(if full { 1 } else { points.len().div_ceil(6) }) {
        stage.restore();
        let _ = strace::killed_at(root.disklessset(&first), point).run();
        let _ = run(&["pool", "set", "more", "--image", "a", "--nodes", "c7"]).expect_done();
        let node = |name: &str| run(&["node", "show", name, "--format", "json"]).stdout;
        assert!(node("c7").contains("\"more\""), "{point}");
        let changed = node("c1").contains("quiet");
        assert_eq!(node("c2").contains("quiet"), changed, "{point}");
        assert_eq!(run(&["node", "show", "c3"]).status.success(), changed, "{point}");
        *(if changed { &mut new } else { &mut old }) += 1;
        // The boot files are those of the record, whichever it is.
        let _ = run(&["verify"]).expect_done();
    }
    assert!(old > 0 && new > 0, "{old} of before, {new} of after");
}
