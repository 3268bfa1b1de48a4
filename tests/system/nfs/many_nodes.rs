//! Thousands of nodes: each costs as much as each of a few, and whoever stops a command does not wait for all of them.

use std::time::{Duration, Instant};

use disklessset_tests::patience::holds_in_time;
use disklessset_tests::{need, strace};
use nix::sys::signal::Signal;

use super::Nfs;

/// For how many nodes: in a sample some, in full as many as a large site has.
fn sizes(sample: [usize; 2], full: [usize; 2]) -> [usize; 2] {
    if is_full() { full } else { sample }
}

fn is_full() -> bool {
    std::env::var(need::FULL).is_ok_and(|full| full == "1")
}

/// What may be measured of the commands that go through all nodes, each from nodes that are there to none.
const COMMANDS: [&[&str]; 4] = [
    &["nfs", "nodes", "add", "g"],
    &["nfs", "export", "g", "--per-node"],
    &["nfs", "unexport", "g"],
    &["nfs", "nodes", "remove", "g"],
];

/// Four times as many nodes take about four times as long, and not sixteen times.
#[track_caller]
fn is_linear(more: &[&str], sizes: [usize; 2]) {
    holds_in_time(|| {
        let nfs = Nfs::for_overlays();
        let seconds = sizes.map(|size| seconds(&nfs, more, size));
        assert_eq!(nfs.nodes("g").len(), 0);
        let times = sizes[1] as f64 / sizes[0] as f64;
        for (at, command) in COMMANDS.iter().enumerate() {
            let (few, many) = (seconds[0][at], seconds[1][at]);
            let told = format!("{command:?} of {sizes:?} nodes: {few:.2} s, {many:.2} s");
            let each = 1000.0 * many / sizes[1] as f64;
            // What is quadratic has four times as much with each node; a start alone takes some of few nodes' time.
            if many >= 2.0 * times * few.max(0.15) || each >= 40.0 {
                return Err(told);
            }
        }
        Ok(())
    });
}

/// How long each of the commands takes with so many nodes.
#[track_caller]
fn seconds(nfs: &Nfs, more: &[&str], size: usize) -> [f64; 4] {
    let set = format!("c[1-{size}]");
    COMMANDS.map(|command| {
        let adds = command[2] == "add";
        let mut command = command.to_vec();
        if command[1] == "nodes" {
            command.push(&set);
            command.extend(if adds { more } else { &["--yes"] });
        }
        let done = nfs.root.disklessset(&command).limit(Duration::from_secs(900)).run().expect_done();
        if adds {
            assert_eq!(nfs.nodes("g").len(), size);
        }
        done.took.as_secs_f64()
    })
}

#[test]
fn many_nodes_with_trees_cost_as_much_each_as_some() {
    need!(need::full(), need::root());
    is_linear(&["--method", "copy"], sizes([150, 600], [1000, 10_000]));
}

#[test]
fn many_nodes_with_overlays_cost_as_much_each_as_some() {
    need!(need::root());
    is_linear(&["--method", "overlay"], sizes([80, 320], [500, 3000]));
}

#[test]
fn nodes_have_their_flushes_in_common() {
    need!(need::full(), need::root());
    need!(need::tool("strace"));
    let nfs = Nfs::for_overlays();
    for method in ["copy", "overlay"] {
        let commands: [&[&str]; 4] = [
            &["nfs", "nodes", "add", "g", "c[1-200]", "--method", method],
            &["nfs", "export", "g", "--per-node"],
            &["nfs", "unexport", "g"],
            &["nfs", "nodes", "remove", "g", "c[1-200]", "--yes"],
        ];
        for command in commands {
            let (done, flushes) = strace::count(&nfs.root, nfs.root.disklessset(command), &strace::FLUSHES);
            let _ = done.expect_done();
            assert!(flushes < 200, "{flushes} flushes for 200 nodes: {command:?}");
        }
    }
}

/// A command that is stopped ends within a second, taken back or done: for nodes that come and go those stay that are finished.
#[test]
fn whoever_stops_a_loop_over_nodes_waits_for_no_more_than_a_second() {
    need!(need::root());
    let count = if is_full() { 10_000 } else { 400 };
    let nfs = Nfs::with_golden();
    nfs.make_light("g");
    let set = format!("c[1-{count}]");
    let others = format!("d[1-{count}]");
    nfs.done_slowly(&["nfs", "nodes", "add", "g", &set]);
    let export: &[&str] = &["nfs", "export", "g", "--per-node"];
    let unexport: &[&str] = &["nfs", "unexport", "g"];
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let lines = |nfs: &Nfs| nfs.run(&["nfs", "exports"]).expect_done().stdout.lines().count();
        for (command, before) in [(export, unexport), (unexport, export)] {
            holds_in_time(|| {
                let _ = nfs.run(before);
                let was = lines(&nfs);
                let stopped = stop(&nfs, command, signal, code);
                let expected = if stopped.done { count - was } else { was };
                assert_eq!(lines(&nfs), expected, "{command:?}, {stopped:?}");
                stopped.in_time()
            });
        }
        let _ = nfs.run(unexport);
        let add: &[&str] = &["nfs", "nodes", "add", "g", &others];
        let remove: &[&str] = &["nfs", "nodes", "remove", "g", &others, "--yes"];
        holds_in_time(|| {
            if nfs.nodes("g").len() > count {
                nfs.done_slowly(remove);
            }
            let stopped = stop(&nfs, add, signal, code);
            let now = nfs.nodes("g").len();
            assert!(
                now >= count && (now == 2 * count) == stopped.done,
                "{now} of {}, {stopped:?}",
                2 * count
            );
            nfs.done(&["verify", "g"]);
            stopped.in_time()
        });
        holds_in_time(|| {
            nfs.done_slowly(add);
            let stopped = stop(&nfs, remove, signal, code);
            let left = nfs.nodes("g").len();
            assert!(left >= count && (left == count) == stopped.done, "{left} of {}, {stopped:?}", 2 * count);
            nfs.done(&["verify", "g"]);
            stopped.in_time()
        });
        if nfs.nodes("g").len() > count {
            nfs.done_slowly(remove);
        }
    }
    nfs.done_slowly(&["remove", "g", "--yes"]);
}

/// How a command ended that was stopped in the midst of it.
#[derive(Debug)]
struct Stopped {
    /// It was done all the same.
    done: bool,
    signal: Signal,
    /// From the signal to its end.
    waited: Duration,
}

impl Stopped {
    fn in_time(&self) -> Result<(), String> {
        if self.done || self.waited < Duration::from_secs(1) {
            Ok(())
        } else {
            Err(format!("{:?} after {}", self.waited, self.signal))
        }
    }
}

#[track_caller]
fn stop(nfs: &Nfs, command: &[&str], signal: Signal, code: i32) -> Stopped {
    let before = Instant::now();
    let running = nfs.root.disklessset(command).limit(Duration::from_secs(900)).start();
    std::thread::sleep(Duration::from_millis(250));
    running.signal(signal);
    let sent = before.elapsed();
    let ended = running.wait();
    let waited = ended.took.saturating_sub(sent);
    let done = ended.status.success();
    if !done {
        let _ = ended.expect_code(code).expect_said("interrupted");
    }
    Stopped { done, signal, waited }
}

impl Nfs {
    /// Takes the programs out of a golden tree: ten thousand copies of them are as many times two megabytes.
    fn make_light(&self, name: &str) {
        let tree = self.golden(name).join("image");
        for programs in ["usr/bin", "lib", "lib64"] {
            let _ = std::fs::remove_dir_all(tree.join(programs));
        }
    }

    #[track_caller]
    fn done_slowly(&self, args: &[&str]) {
        let _ = self.root.disklessset(args).limit(Duration::from_secs(900)).run().expect_done();
    }
}
