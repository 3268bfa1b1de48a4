//! Given a rack whose cache has what other nodes fetched: a node boots from it when boot server and registry are gone.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::{Duration, Instant};

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::livenet::{PATIENCE, world};
use crate::system::registry::rack_cache::{BASE, free_address, get, nginx, of_the_page};
use crate::system::registry::server::{Server, Setup};
use crate::system::small::put;

/// What a machine prints that boots through an address; it is killed when it has come up, or does not go on.
fn console_of_a_node(root: &TestRoot, cache: &str) -> String {
    let place = root.beside().join("tftp");
    let port = cache.rsplit(':').next().unwrap();
    let script = format!(
        "#!ipxe\nset diskless-base http://10.0.2.2:{port}/{BASE}\nset eq-console console=ttyS0,115200\n\
         chain ${{diskless-base}}/images/node/boot.ipxe\n"
    );
    put(&place.join("entry.ipxe"), script.as_bytes(), 0o644);
    let console = root.beside().join("console");
    let words = [
        "-accel",
        "tcg",
        "-cpu",
        "max",
        "-m",
        "2048",
        "-no-user-config",
        "-nodefaults",
        "-no-reboot",
        "-nographic",
        "-serial",
        &format!("file:{console}"),
        "-netdev",
        &format!("user,id=n0,hostname=node1,tftp={place},bootfile=entry.ipxe"),
        "-device",
        "virtio-net-pci,netdev=n0,bootindex=0",
        "-device",
        "virtio-rng-pci",
    ]
    .map(str::to_owned);
    let machine = root.tool("qemu-system-x86_64", &words).limit(PATIENCE).start();
    let begun = Instant::now();
    loop {
        let text = String::from_utf8_lossy(&std::fs::read(&console).unwrap_or_default()).into_owned();
        if text.contains("login:") || begun.elapsed() > PATIENCE - Duration::from_secs(20) {
            machine.kill_group();
            return text;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn a_node_boots_through_a_rack_cache_when_boot_server_and_registry_are_gone() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("docker-registry"),
        need::tool("nginx"),
        need::tool("curl"),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64")
    );
    let maker = world();
    let server = Server::start(maker, &Setup::Plain);
    let repository = format!("{}/images/node", server.host());
    let push = ["push", "node", &repository, "--plain-http"];
    let _ = maker.disklessset(&push).limit(PATIENCE).run().expect_done();
    let mirror = TestRoot::with_modules(&["livenet"]);
    let bring = ["mirror", &repository, "--plain-http"];
    let _ = mirror.disklessset(&bring).limit(PATIENCE).run().expect_done();

    let (boot_server, cache) = (free_address(), free_address());
    let html = mirror.path().join("var/www/html");
    let serving = format!("server {{ listen {boot_server}; root {html}; }}");
    let boot = nginx(&mirror, "boot", &boot_server, &serving);
    let rack = nginx(&mirror, "rack", &cache, &of_the_page(&mirror, &cache, &boot_server));
    // Another node of the rack has booted.
    let text = String::from_utf8(get(&mirror, &cache, "images/node/boot.ipxe", None)).unwrap();
    let digests: Vec<&str> = text.split("/blobs/sha256/").skip(1).map(|rest| &rest[..64]).collect();
    assert!(digests.len() >= 3, "{text}");
    for digest in digests {
        let _ = get(&mirror, &cache, &format!("oci/blobs/sha256/{digest}"), None);
    }
    boot.kill_group();
    drop(server);
    assert!(std::net::TcpStream::connect(&boot_server).is_err());

    let console = console_of_a_node(&mirror, &cache);
    assert!(console.contains("login:"), "{}", &console[console.len().saturating_sub(4000)..]);
    rack.kill_group();
}
