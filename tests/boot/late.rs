//! Given a machine that is on before its boot server: it waits for it, and boots.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::{Duration, Instant};

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::network::{Network, SERVER, mac};
use crate::system::small::put;

/// Until the machine has done what is looked for.
const PATIENCE: Duration = Duration::from_secs(300);

#[track_caller]
fn wait_for(network: &Network<'_>, words: &str) {
    let begun = Instant::now();
    while !network.whole_console(1).replace(['\r', '\n'], "").contains(words) {
        assert!(begun.elapsed() < PATIENCE, "{words}: {}", network.console(1));
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_node_waits_for_a_boot_server_that_starts_minutes_later() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("dnsmasq"),
        need::tool("qemu-system-x86_64")
    );
    let root = TestRoot::with_modules(&["demo"]);
    let done = |words: &[&str]| drop(root.disklessset(words).run().expect_done());
    done(&["demo", "create", "web"]);
    let configuration = root.path().join("etc/disklessset/diskless_parameters.yml");
    put(&configuration, format!("http_base_url: http://{SERVER}\n").as_bytes(), 0o644);
    done(&["serve", "loaders"]);
    done(&["pool", "set", "compute", "--image", "web"]);
    done(&["node", "set", "c001", "--mac", &mac(1), "--address", "10.77.0.11", "--pool", "compute"]);
    let shown = "#!ipxe\necho Node ${hostname} is there\nsleep 900\n";
    put(&root.image_dir("web").join("boot.ipxe"), shown.as_bytes(), 0o644);

    let network = Network::new(&root);
    let dnsmasq = network.dnsmasq(&format!("dhcp-boot=tag:ipxe,tftp://{SERVER}/wait.ipxe\n"));
    let machine = network.machine(1, &[]);
    let begun = Instant::now();
    wait_for(&network, "boot/entry.ipxe: ");
    // It has asked six times then.
    wait_for(&network, "Trying again in 30 seconds");
    let waited = begun.elapsed();
    let server = network.boot_server();
    wait_for(&network, "Node c001 is there");
    assert!(waited > Duration::from_secs(75), "the pauses grow: {waited:?}");
    for running in [machine, server, dnsmasq] {
        let _ = running.kill_group();
    }
}
