//! How long a push and a pull take beside skopeo with the same bytes, and the memory that they need.
#![allow(clippy::print_stdout, reason = "the figures are what is wanted of it")]

use super::*;
use disklessset_tests::run::Program;
use std::time::{Duration, Instant};

const SIZE: usize = 256 << 20;
/// In bytes.
const MOST_MEMORY: u64 = 64 << 20;

/// How long a program takes, and the most memory that it had.
fn measured(program: Program) -> (Duration, u64) {
    let begun = Instant::now();
    let running = program.limit(Duration::from_secs(600)).start();
    let status = format!("/proc/{}/status", running.pid());
    let mut most = 0;
    let ended = running.wait_until_or_end(|| {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok());
        most = most.max(kibibytes.unwrap_or(0) * 1024);
        None::<()>
    });
    let time = begun.elapsed();
    let _ = ended.map(drop).expect_err("it ends by itself").expect_done();
    (time, most)
}

#[test]
fn push_and_pull_beside_skopeo() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("docker-registry"), need::tool("skopeo"));
    let small = Small::new();
    let root = &small.root;
    let mut bytes = vec![0; SIZE];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    super::super::small::put(&small.tree.join("srv/noise"), &bytes, 0o644);
    let _ = small.create("web", &[]).limit(Duration::from_secs(600)).run().expect_done();
    let server = Server::start(root, &Setup::Plain);
    let (ours, theirs) = (repository(&server, "ours"), repository(&server, "theirs"));
    let layout = root.oci_dir();
    let other = other_site();
    let copy = root.beside().join("copy");
    let skopeo = |from: String, to: String| {
        let plain = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
        root.tool("skopeo", &[&plain[..], &[from.as_str(), to.as_str()]].concat())
    };
    let push = measured(root.disklessset(&["push", "web", &ours, "--plain-http"]));
    let push_of_skopeo = measured(skopeo(format!("oci:{layout}:web@1"), format!("docker://{theirs}:v1")));
    let pull = measured(other.disklessset(&["pull", &format!("{ours}:v1"), "--plain-http"]));
    let pull_of_skopeo = measured(skopeo(format!("docker://{theirs}:v1"), format!("oci:{copy}:v1")));
    for (what, (time, memory)) in [
        ("push", push),
        ("skopeo copy to the registry", push_of_skopeo),
        ("pull", pull),
        ("skopeo copy from the registry", pull_of_skopeo),
    ] {
        println!("{what}: {:.2} s, {} MiB", time.as_secs_f64(), memory >> 20);
    }
    for (_, memory) in [push, pull] {
        assert!(memory < MOST_MEMORY, "{memory} bytes");
    }
}
