//! Given a boot server that is killed and started again while a node fetches from it: whatever it was, the node comes up by itself.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::{Duration, Instant};

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Running;
use nix::sys::signal::Signal;

use super::livenet::{PATIENCE, world};
use super::network::{BOOT, Network, SERVER, mac};
use crate::system::registry::server::{Server, Setup};
use crate::system::small::put;

/// What the bridge lets through: a kernel takes seconds.
const RATE: &str = "32mbit";

/// How long nothing is fetched, at the least, while a kernel starts.
const QUIET: Duration = Duration::from_secs(3);

/// The stage of the node.
fn stage(root: &TestRoot) -> String {
    let told = root.disklessset(&["node", "status", "c001", "--format", "json"]).run().expect_done().json();
    told["nodes"][0]["stage"].as_str().unwrap_or_default().to_owned()
}

/// Waits until the node is so far, and what it fetches next is on its way.
#[track_caller]
fn until_it_fetches_after(root: &TestRoot, network: &Network<'_>, wanted: &str) {
    let begun = Instant::now();
    // What was seen is written every other second: a file that goes out now may be the one before.
    while stage(root) != wanted || !network.is_sending() {
        assert!(begun.elapsed() < BOOT, "{wanted}, not {}: {}", stage(root), network.console(1));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the root image is on its way. The kernel starts before it asks for that: what goes out until then is the end of the initramfs,
/// which counts as sent when the system has taken it from the server.
#[track_caller]
fn until_it_fetches_its_root(root: &TestRoot, network: &Network<'_>) {
    until(root, network, "initramfs");
    let (begun, mut sent) = (Instant::now(), Instant::now());
    while sent.elapsed() < QUIET || !network.is_sending() {
        if sent.elapsed() < QUIET && network.is_sending() {
            sent = Instant::now();
        }
        assert!(begun.elapsed() < BOOT, "no root image is fetched: {}", network.console(1));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
fn until(root: &TestRoot, network: &Network<'_>, wanted: &str) {
    let begun = Instant::now();
    while stage(root) != wanted {
        assert!(begun.elapsed() < BOOT, "{wanted}, not {}: {}", stage(root), network.console(1));
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Ends the server in its work, at once or as a restart of the service does, and starts it again after a moment.
fn start_again(network: &Network<'_>, server: Running, signal: Signal) -> Running {
    server.signal(signal);
    if signal == Signal::SIGKILL {
        server.kill_nine();
    } else {
        let _ = server.wait();
    }
    std::thread::sleep(Duration::from_secs(3));
    network.boot_server()
}

#[test]
fn a_boot_server_that_is_killed_while_a_node_fetches_gets_it_up_all_the_same() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("dnsmasq"),
        need::tool("docker-registry"),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::tool("tc")
    );
    let maker = world();
    let registry = Server::start(maker, &Setup::Plain);
    let repository = format!("{}/images/node", registry.host());
    let _ =
        maker.disklessset(&["push", "node", &repository, "--plain-http"]).limit(PATIENCE).run().expect_done();
    let root = TestRoot::with_modules(&["livenet"]);
    let done = |words: &[&str]| drop(root.disklessset(words).limit(PATIENCE).run().expect_done());
    done(&["pull", &format!("{repository}:current"), "web", "--plain-http"]);
    let configuration = root.path().join("etc/disklessset/diskless_parameters.yml");
    put(&configuration, format!("http_base_url: http://{SERVER}\n").as_bytes(), 0o644);
    done(&["serve", "loaders"]);
    done(&["pool", "set", "compute", "--image", "web"]);
    let console = "eq-console=console=ttyS0,115200";
    let of_node = ["--mac", &mac(1), "--address", "10.77.0.11", "--pool", "compute", "--var", console];
    done(&[&["node", "set", "c001"], &of_node[..]].concat());

    let network = Network::new(&root);
    let slow =
        ["qdisc", "add", "dev", "br0", "root", "tbf", "rate", RATE, "burst", "64k", "latency", "400ms"];
    let _ = network.within(root.tool("tc", &slow)).run().expect_done();
    let dnsmasq = network.dnsmasq("c001\n");
    let mut server = network.boot_server();
    let machine = network.machine(1, &[]);
    until_it_fetches_after(&root, &network, "boot-file");
    server = start_again(&network, server, Signal::SIGKILL);
    until_it_fetches_after(&root, &network, "kernel");
    server = start_again(&network, server, Signal::SIGKILL);
    let failures = || network.whole_console(1).matches("could not be booted").count();
    assert!(failures() >= 1, "the boot file tries again by itself: {}", network.console(1));
    until_it_fetches_its_root(&root, &network);
    assert_eq!(failures(), 2, "{}", network.console(1));
    server = start_again(&network, server, Signal::SIGTERM);
    assert_eq!(stage(&root), "root-cut-short");
    let table = root.disklessset(&["node", "status"]).run().expect_done().stdout;
    assert!(table.contains("root cut short"), "{table}");
    // It starts over.
    until(&root, &network, "boot-file");
    until(&root, &network, "running");
    for running in [machine, server, dnsmasq] {
        let _ = running.kill_group();
    }
}
