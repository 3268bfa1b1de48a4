//! The memory that an image needs, found by booting it with less and less.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use disklessset_tests::need;

use super::livenet::world;

/// Some five boots.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

#[test]
fn the_memory_that_was_found_is_enough_and_three_quarters_of_it_are_not() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::tool("unshare")
    );
    let root = world();
    let search = ["prove", "node", "--memory", "auto", "--format", "json"];
    let found = root.disklessset(&search).limit(PATIENCE).run().expect_done().expect_said("it needs ");
    let found = &found.json()["proof"];
    let (enough, too_little) = (found["needed_mebibytes"].as_u64().unwrap(), &found["too_little_mebibytes"]);
    assert_eq!(found["memory_mebibytes"], enough, "the proof is that of the least");
    assert!(too_little.as_u64().unwrap() < enough, "{found}");
    let versions = root.disklessset(&["versions", "node", "--format", "json"]).run().expect_done().json();
    assert_eq!(versions["versions"][0]["memory_mebibytes"], enough);
    let table = root.disklessset(&["versions", "node"]).run().expect_done().stdout;
    assert!(table.contains(&format!("{enough} MiB")), "{table}");

    let with = |mebibytes: u64| {
        let amount = format!("{mebibytes}M");
        root.disklessset(&["prove", "node", "--memory", &amount]).limit(PATIENCE).run()
    };
    let _ = with(enough).expect_done();
    let refused = with(enough * 3 / 4).expect_code(1).expect_said("does not boot");
    let _ =
        refused.expect_said(&format!("it was found to need {enough} MiB, and had {} MiB", enough * 3 / 4));
}
