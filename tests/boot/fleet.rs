//! Given three machines on a bridge, with the DHCP server that is configured as `serve config` prints it: each boots what its pool has, and
//! `node status` says how far it is.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::{Duration, Instant};

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Running;
use serde_json::Value;

use super::livenet::{PATIENCE, world};
use super::network::{BOOT, Network, SERVER, mac};
use crate::system::registry::server::{Server, Setup};
use crate::system::small::put;

/// Node, pool, and the image of the pool.
const NODES: [(&str, &str, &str); 3] =
    [("c001", "compute", "web"), ("c002", "compute", "web"), ("login1", "login", "desk")];

/// The status of all nodes, once `wanted` holds for it.
fn status(root: &TestRoot, network: &Network<'_>, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begun = Instant::now();
    let mut seen = Vec::new();
    loop {
        let told = root.disklessset(&["node", "status", "--format", "json"]).run().expect_done().json();
        let nodes = told["nodes"].as_array().unwrap().clone();
        for node in &nodes {
            let step = format!("{} {}", node["node"], node["stage"]);
            if !seen.contains(&step) {
                seen.push(step);
            }
        }
        if wanted(&nodes) {
            return nodes;
        }
        assert!(
            begun.elapsed() < BOOT,
            "{nodes:?}\nseen: {seen:?}\n{}",
            [1, 2, 3].map(|number| network.console(number)).join("\n---\n")
        );
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn of<'n>(nodes: &'n [Value], name: &str) -> &'n Value {
    nodes.iter().find(|node| node["node"] == name).unwrap()
}

#[test]
fn nodes_of_two_pools_come_up_with_their_images_and_are_followed_until_they_need_a_reboot_and_after() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("dnsmasq"),
        need::tool("docker-registry"),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64")
    );
    let maker = world();
    let registry = Server::start(maker, &Setup::Plain);
    let repository = format!("{}/images/node", registry.host());
    let push = ["push", "node", &repository, "--plain-http"];
    let _ = maker.disklessset(&push).limit(PATIENCE).run().expect_done();
    let root = TestRoot::with_modules(&["livenet"]);
    let done = |words: &[&str]| drop(root.disklessset(words).limit(PATIENCE).run().expect_done());
    let place = format!("{repository}:current");
    done(&["pull", &place, "web", "--plain-http"]);
    done(&["clone", "web", "desk"]);
    let configuration = root.path().join("etc/disklessset/diskless_parameters.yml");
    put(&configuration, format!("http_base_url: http://{SERVER}\n").as_bytes(), 0o644);
    done(&["serve", "loaders"]);
    for (number, (node, pool, image)) in (1..).zip(NODES) {
        done(&["pool", "set", pool, "--image", image]);
        let (mac, address) = (mac(number), format!("10.77.0.1{number}"));
        let console = "eq-console=console=ttyS0,115200";
        done(&["node", "set", node, "--mac", &mac, "--address", &address, "--pool", pool, "--var", console]);
    }

    let network = Network::new(&root);
    let dnsmasq = network.dnsmasq(&format!("dhcp-host={},10.77.0.11,c001\n", mac(1)));
    let server = network.boot_server();
    let mut machines = [1, 2, 3].map(|number| Some(network.machine(number, &["-no-reboot"])));
    let up = |nodes: &[Value]| nodes.iter().all(|node| node["stage"] == "running");
    let nodes = status(&root, &network, up);
    for (node, pool, image) in NODES {
        let line = of(&nodes, node);
        let version = format!("{image}@1");
        assert_eq!(
            (line["pool"].as_str(), line["version"].as_str()),
            (Some(pool), Some(&*version)),
            "{line}"
        );
        assert_eq!(line["needs_reboot"], false, "{line}");
    }
    assert_eq!(of(&nodes, "c001")["address"], "10.77.0.11");
    // Each has its own name, and not that of its image.
    for (number, (node, ..)) in (1..).zip(NODES) {
        let begun = Instant::now();
        while !network.console(number).contains(&format!("{node} login:")) {
            assert!(begun.elapsed() < PATIENCE, "{node}: {}", network.console(number));
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    // Another version for one pool.
    done(&["livenet", "exec", "web", "--", "touch", "/etc/second"]);
    let nodes = status(&root, &network, |nodes| of(nodes, "c001")["needs_reboot"] == true);
    assert_eq!(of(&nodes, "c002")["needs_reboot"], true);
    assert_eq!(of(&nodes, "login1")["needs_reboot"], false);
    for machine in &mut machines {
        let _ = machine.take().map(Running::kill_group);
    }
    let again = network.machine(1, &["-no-reboot"]);
    let nodes = status(&root, &network, |nodes| {
        let node = of(nodes, "c001");
        node["stage"] == "running" && node["version"] == "web@2"
    });
    assert_eq!(of(&nodes, "c001")["needs_reboot"], false);
    assert_eq!(of(&nodes, "c002")["needs_reboot"], true, "nobody rebooted it");
    for running in [again, server, dnsmasq] {
        let _ = running.kill_group();
    }
}
