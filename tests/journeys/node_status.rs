//! Given nodes that boot: `node status`, the page and the metrics say how far each is, and what it runs.

mod browser;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Running;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::system::small::put;

const BASE: &str = "/preboot_execution_environment/diskless";
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 21);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 99);

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A site with an image, a pool and a node of it, and its boot server.
struct Site {
    root: TestRoot,
    address: String,
    status: String,
    server: Option<Running>,
}

impl Site {
    fn new() -> Self {
        let root = TestRoot::with_modules(&["demo"]);
        let site = Self { root, address: free_address(), status: free_address(), server: None };
        site.done(&["demo", "create", "web", "--message", "one"]);
        site.done(&["pool", "set", "compute", "--image", "web"]);
        site.done(&["node", "set", "c001", "--mac", "52:54:00:00:00:01", "--pool", "compute"]);
        site.served()
    }

    fn done(&self, words: &[&str]) {
        let _ = self.root.disklessset(words).run().expect_done();
    }

    fn served(mut self) -> Self {
        let words = ["serve", "--listen", &self.address, "--status", &self.status];
        let up = || TcpStream::connect(&self.address).and(TcpStream::connect(&self.status)).ok().map(drop);
        self.server = Some(self.root.disklessset(&words).start().wait_until(up).0);
        self
    }

    fn stopped(mut self) -> Self {
        let server = self.server.take().unwrap();
        server.signal(Signal::SIGTERM);
        let _ = server.wait().expect_done();
        self
    }

    /// Status and text of an answer.
    fn ask(&self, to: &str, from: Ipv4Addr, request: &str) -> (u16, String) {
        let mut stream = connected(from, to.parse().unwrap());
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        (status, text)
    }

    fn get(&self, from: Ipv4Addr, path: &str) -> u16 {
        let request = format!("GET {BASE}/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        self.ask(&self.address, from, &request).0
    }

    /// Asks as a proxy does that says for whom.
    fn get_for(&self, from: Ipv4Addr, path: &str, forwarded: &str) -> u16 {
        let head = format!("Host: x\r\n{forwarded}\r\nConnection: close");
        self.ask(&self.address, from, &format!("GET {BASE}/{path} HTTP/1.1\r\n{head}\r\n\r\n")).0
    }

    fn report(&self, from: Ipv4Addr, path: &str, body: &str) -> u16 {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.ask(&self.address, from, &request).0
    }

    fn page(&self, path: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        self.ask(&self.status, Ipv4Addr::LOCALHOST, &request)
    }

    /// The status of c001, once it has what is wanted: what was seen is written every other second.
    fn node(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let words = ["node", "status", "c001", "--format", "json"];
            let node = self.root.disklessset(&words).run().expect_done().json()["nodes"][0].clone();
            if wanted(&node) || begun.elapsed() > Duration::from_secs(20) {
                return node;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The digest of a file of a version, and that of the manifest.
    fn version(&self, name: &str) -> (String, String) {
        let read = |path: &str| -> Value {
            serde_json::from_slice(&std::fs::read(self.root.oci_dir().join(path)).unwrap()).unwrap()
        };
        let index = read("index.json");
        let entry = index["manifests"].as_array().unwrap().iter();
        let entry = entry
            .clone()
            .find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == name)
            .unwrap();
        let hex = |value: &Value| value["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        let manifest = read(&format!("blobs/sha256/{}", hex(entry)));
        (hex(&manifest["layers"][0]), hex(entry))
    }
}

/// A connection from an address of this machine: each is another node.
fn connected(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
    use std::os::fd::AsRawFd;
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(socket.as_raw_fd(), &SockaddrIn::from(std::net::SocketAddrV4::new(from, 0))).unwrap();
    let SocketAddr::V4(to) = to else { panic!("{to} is of IPv6") };
    connect(socket.as_raw_fd(), &SockaddrIn::from(to)).unwrap();
    TcpStream::from(socket)
}

const BOOT_FILE: &str = "boot/mac/52-54-00-00-00-01.ipxe";

#[test]
fn node_status_follows_a_boot_and_tells_of_a_reboot_that_is_needed() {
    let site = Site::new();
    let (root, manifest) = site.version("web@1");
    assert_eq!(site.node(|_| true)["stage"], Value::Null, "nobody saw it");
    assert_eq!(site.get(FIRST, BOOT_FILE), 200);
    let node = site.node(|node| node["stage"] == "boot-file");
    assert_eq!(
        (node["stage"].as_str(), node["pool"].as_str()),
        (Some("boot-file"), Some("compute")),
        "{node}"
    );
    assert_eq!(site.get(FIRST, &format!("oci/blobs/sha256/{root}")), 200);
    let node = site.node(|node| node["stage"] == "root");
    assert_eq!(
        (node["version"].as_str(), node["needs_reboot"].as_bool()),
        (Some("web@1"), Some(false)),
        "{node}"
    );
    let report = format!("node=c001&version=sha256:{manifest}");
    assert_eq!(site.report(FIRST, &format!("{BASE}/report"), &report), 200);
    assert_eq!(site.node(|node| node["stage"] == "running")["stage"], "running");

    // What nodes are to run changes, and they do not.
    site.done(&["demo", "message", "web", "two"]);
    let node = site.node(|node| node["needs_reboot"] == true);
    assert_eq!(
        (node["version"].as_str(), node["assigned"].as_str()),
        (Some("web@1"), Some("web@2")),
        "{node}"
    );
    assert_eq!(node["needs_reboot"], true);
    let table = site.root.disklessset(&["node", "status"]).run().expect_done().stdout;
    let line = table.lines().find(|line| line.starts_with("c001")).unwrap().to_owned();
    for word in ["compute", "running", "web@1", "web@2", "needed"] {
        assert!(line.contains(word), "{word} in {table}");
    }
    // It is kept over a restart of the server.
    let site = site.stopped().served();
    assert_eq!(site.node(|_| true)["stage"], "running");
    let (root, _) = site.version("web@2");
    assert_eq!(site.get(FIRST, BOOT_FILE), 200);
    assert_eq!(site.get(FIRST, &format!("oci/blobs/sha256/{root}")), 200);
    let node = site.node(|node| node["stage"] == "root");
    assert_eq!(
        (node["version"].as_str(), node["needs_reboot"].as_bool()),
        (Some("web@2"), Some(false)),
        "{node}"
    );
    let _ = site.stopped();
}

#[test]
fn node_status_lists_machines_that_nobody_knows_until_they_are_nodes() {
    let site = Site::new();
    assert_eq!(site.get(STRANGER, "boot/mac/52-54-00-00-00-99.ipxe"), 404);
    let unknown = || {
        let words = ["node", "status", "--unknown", "--format", "json"];
        site.root.disklessset(&words).run().expect_done().json()["unknown"].as_array().unwrap().clone()
    };
    let patience = std::time::Instant::now();
    while unknown().is_empty() && patience.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let machines = unknown();
    assert_eq!(machines[0]["mac"], "52-54-00-00-00-99", "{machines:?}");
    assert_eq!(machines[0]["address"], "127.0.0.99");
    assert!(site.page("/").1.contains("52-54-00-00-00-99"));
    site.done(&["node", "set", "c002", "--mac", "52:54:00:00:00:99", "--pool", "compute"]);
    assert_eq!(site.get(STRANGER, "boot/mac/52-54-00-00-00-99.ipxe"), 200);
    let patience = std::time::Instant::now();
    while !unknown().is_empty() && patience.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(unknown().is_empty());
    let _ = site.stopped();
}

#[test]
fn serve_believes_reports_of_nodes_themselves_and_takes_nothing_else() {
    let site = Site::new();
    assert_eq!(site.get(FIRST, BOOT_FILE), 200);
    let place = format!("{BASE}/report");
    assert_eq!(site.report(STRANGER, &place, "node=c001"), 403);
    assert_eq!(site.report(FIRST, &place, "node=c009"), 403);
    assert_eq!(site.report(FIRST, &place, "node=../c001"), 400);
    assert_eq!(site.report(FIRST, &place, "nonsense"), 400);
    assert_eq!(site.report(FIRST, &place, &"x".repeat(1025)), 413);
    assert_eq!(site.report(FIRST, &format!("{BASE}/boot/entry.ipxe"), "node=c001"), 405);
    let node = site.node(|node| !node["stage"].is_null());
    assert_eq!(node["stage"], "boot-file", "none of these was taken");
    assert_eq!(site.report(FIRST, &place, "node=c001"), 200);
    assert_eq!(site.report(FIRST, &place, "node=c001"), 429);
    assert_eq!(site.get(FIRST, "report"), 404, "nobody reads them there");
    let chunked = format!(
        "POST {place} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nnode=c001\r\n0\r\n\r\n"
    );
    assert_eq!(site.ask(&site.address, FIRST, &chunked).0, 501);
    let _ = site.stopped();
}

#[test]
fn serve_shows_the_status_read_only_on_its_own_address() {
    let site = Site::new();
    assert_eq!(site.get(FIRST, BOOT_FILE), 200);
    let (status, page) = site.page("/?pool=compute");
    assert!(status == 200 && page.contains("<td>c001</td>") && page.contains("boot file fetched"), "{page}");
    assert!(page.contains("Content-Security-Policy: default-src 'none'"), "{page}");
    let (_, page) = site.page("/?text=%3Cscript%3E&stage=running");
    assert!(
        page.contains("0 of 1 nodes") && page.contains("&lt;script&gt;") && !page.contains("<script"),
        "{page}"
    );
    let (status, metrics) = site.page("/metrics");
    let wanted = "disklessset_node_boot_stage{node=\"c001\",pool=\"compute\",stage=\"boot-file\"} 1\n";
    assert!(status == 200 && metrics.contains(wanted), "{metrics}");
    let (_, facts) = site.page("/nodes.json");
    let facts: Value = serde_json::from_str(facts.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(facts["nodes"][0]["stage"], "boot-file");
    assert_eq!(site.page("/boot/entry.ipxe").0, 404, "files have their own address");
    let request = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(site.ask(&site.status, Ipv4Addr::LOCALHOST, request).0, 405);
    // And the pages are not where nodes fetch.
    assert_eq!(site.get(FIRST, "metrics"), 404);
    let _ = site.stopped();
}

#[test]
fn serve_as_root_keeps_what_it_saw_as_nobody() {
    disklessset_tests::need!(need::root());
    let site = Site::new();
    assert_eq!(site.get(FIRST, BOOT_FILE), 200);
    assert_eq!(site.node(|node| node["stage"] == "boot-file")["stage"], "boot-file");
    use std::os::unix::fs::MetadataExt;
    let file = site.root.path().join("var/lib/disklessset-serve/nodes.json");
    let found = std::fs::metadata(&file).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o777), (65_534, 0o644));
    let _ = site.stopped();
}

#[test]
fn node_status_knows_what_a_tag_means_for_pools_and_for_nodes_without_a_card() {
    let site = Site::new();
    site.done(&["demo", "message", "web", "two"]);
    site.done(&["tag", "web@1", "stable"]);
    site.done(&["assign", "web@stable", "c005"]);
    site.done(&["pool", "set", "slow", "--image", "web@stable", "--nodes", "c006"]);
    let nodes = site.root.disklessset(&["node", "status", "--format", "json"]).run().expect_done().json();
    let assigned: Vec<(&str, &str)> = nodes["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["node"].as_str().unwrap(), node["assigned"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(assigned, [("c001", "web@2"), ("c005", "web@1"), ("c006", "web@1")]);
    let _ = site.stopped();
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a configuration as people write one")]
fn node_status_believes_a_trusted_proxy_about_the_node_it_asks_for_and_nobody_else() {
    let proxy = Ipv4Addr::new(127, 0, 0, 50);
    let site = Site::new().stopped();
    let file = site.root.path().join("etc/disklessset/diskless_parameters.yml");
    put(&file, b"trusted_proxies: [127.0.0.50]\n", 0o644);
    let site = site.served();
    // A machine that is no proxy says that it is another one.
    assert_eq!(site.get_for(STRANGER, BOOT_FILE, "X-Forwarded-For: 127.0.0.21"), 200);
    let node = site.node(|node| node["address"] == "127.0.0.99");
    assert_eq!(node["address"], "127.0.0.99", "{node}");
    // What a node says itself stands before what the proxy adds.
    assert_eq!(site.get_for(proxy, BOOT_FILE, "X-Forwarded-For: 127.0.0.99, 127.0.0.21"), 200);
    let node = site.node(|node| node["address"] == "127.0.0.21");
    assert_eq!(node["address"], "127.0.0.21", "{node}");
    let hostile = "X-Forwarded-For: 127.0.0.99\r\nX-Forwarded-For: <script>, unknown";
    assert_eq!(site.get_for(proxy, BOOT_FILE, hostile), 200);
    let node = site.node(|node| node["address"] == "127.0.0.50");
    assert_eq!(node["address"], "127.0.0.50", "{node}");
    assert_eq!(site.get_for(proxy, BOOT_FILE, "X-Forwarded-For: 127.0.0.21"), 200);
    assert_eq!(site.report(proxy, &format!("{BASE}/report"), "node=c001"), 403, "it is the proxy's own word");
    assert_eq!(site.report(FIRST, &format!("{BASE}/report"), "node=c001"), 200);
    let _ = site.stopped();
}
