//! A push that is killed at some moment of its work: no tag names a version that is not whole there, and a push once more ends it.

use super::*;
use disklessset_tests::kill_table;
use std::time::{Duration, Instant};

/// Kills, spread over the time that it takes.
const KILLS: u32 = 10;
const FULL: u32 = 50;

#[test]
fn a_push_that_is_killed_leaves_no_tag_of_half_a_version() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("docker-registry"), need::tool("skopeo"));
    let small = Small::new();
    let root = &small.root;
    let server = Server::start(root, &Setup::Plain);
    let _ = small.create("web", &[]).run().expect_done();
    let begun = Instant::now();
    let _ = push(root, "web", &repository(&server, "unharmed"));
    let time = begun.elapsed();
    let kills = if std::env::var(need::FULL).is_ok_and(|full| full == "1") { FULL } else { KILLS };
    let before = Snapshot::of(root);
    let (mut ended, mut not) = (0, 0);
    for number in 0..kills {
        let to = repository(&server, &format!("n{number}"));
        let pushing = root.disklessset(&["push", "web", &to, "--plain-http"]).start();
        std::thread::sleep(time * number / kills + Duration::from_millis(1));
        let _ = pushing.kill_nine();
        before.assert_same_as_now(root);
        // A tag that is there is whole.
        let copy = root.beside().join(format!("copy{number}"));
        let (from, into) = (format!("docker://{to}:v1"), format!("oci:{copy}:v1"));
        let list = ["list-tags", "--tls-verify=false", &format!("docker://{to}")];
        let tags = root.tool("skopeo", &list).run();
        if tags.stdout.contains("\"v1\"") {
            let _ =
                root.tool("skopeo", &["copy", "--src-tls-verify=false", &from, &into]).run().expect_done();
            ended += 1;
        } else {
            not += 1;
        }
        let again = push(root, "web", &to);
        assert_eq!(again["tags"], serde_json::json!(["v1", "current"]));
        let _ = root.tool("skopeo", &["copy", "--src-tls-verify=false", &from, &into]).run().expect_done();
    }
    kill_table::add("push", "moments of its work", kills as usize, kills as usize, not, ended);
}
