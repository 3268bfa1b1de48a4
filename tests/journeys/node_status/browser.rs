//! Given a browser: the page shows what it says, needs nothing from elsewhere, and its picture is in the guide.

use disklessset_tests::need;
use disklessset_tests::picture::{self, Alike};
use disklessset_tests::run::Outcome;

use super::{BASE, STRANGER, Site};
use std::net::Ipv4Addr;

const BROWSER: &str = "chromium-headless-shell";

impl Site {
    /// Looks at a page of the status address.
    fn browse(&self, path: &str, wanted: &str) -> Outcome {
        let home = self.root.beside().join("browser");
        let words = [
            "--no-sandbox".to_owned(), // root's browser has none; the page is ours
            "--disable-gpu".to_owned(),
            "--enable-logging=stderr".to_owned(),
            "--window-size=1180,860".to_owned(),
            format!("--user-data-dir={home}"),
            wanted.to_owned(),
            format!("http://{}{path}", self.status),
        ];
        self.root.tool(BROWSER, &words).env("HOME", &home).run().expect_done()
    }

    /// The page as the browser understood it, without one complaint of its console.
    fn seen(&self, path: &str) -> String {
        let seen = self.browse(path, "--dump-dom");
        assert!(!seen.stderr.contains("CONSOLE"), "the browser complains: {}", seen.stderr);
        seen.stdout
    }
}

/// Nodes of two pools at all stages, and a machine that is no node.
fn ten_nodes() -> Site {
    let site = Site::new();
    site.done(&["demo", "create", "db", "--message", "one"]);
    site.done(&["pool", "set", "storage", "--image", "db"]);
    for number in 2..=9 {
        let (name, mac) = (format!("c{number:03}"), format!("52:54:00:00:00:{number:02}"));
        let pool = if number < 8 { "compute" } else { "storage" };
        site.done(&["node", "set", &name, "--mac", &mac, "--pool", pool]);
    }
    let (root, manifest) = site.version("web@1");
    for number in 1..=6u8 {
        let node = Ipv4Addr::new(127, 0, 0, 20 + number);
        assert_eq!(site.get(node, &format!("boot/mac/52-54-00-00-00-{number:02}.ipxe")), 200);
        if number > 1 {
            assert_eq!(site.get(node, &format!("oci/blobs/sha256/{root}")), 200);
        }
        if number > 2 {
            let report = format!("node=c{number:03}&version=sha256:{manifest}");
            assert_eq!(site.report(node, &format!("{BASE}/report"), &report), 200);
        }
    }
    assert_eq!(site.get(STRANGER, "boot/mac/52-54-00-00-00-99.ipxe"), 404);
    // A new version: what runs the one before needs a reboot, and one node has it already.
    site.done(&["demo", "message", "web", "two"]);
    let (root, manifest) = site.version("web@2");
    let ahead = Ipv4Addr::new(127, 0, 0, 27);
    assert_eq!(site.get(ahead, "boot/mac/52-54-00-00-00-07.ipxe"), 200);
    assert_eq!(site.get(ahead, &format!("oci/blobs/sha256/{root}")), 200);
    assert_eq!(
        site.report(ahead, &format!("{BASE}/report"), &format!("node=c007&version=sha256:{manifest}")),
        200
    );
    let _ = site.node(|node| node["stage"] == "boot-file");
    site
}

#[test]
fn the_page_in_a_browser_shows_stages_pools_and_machines_that_are_no_node() {
    disklessset_tests::need!(need::full(), need::root(), need::tool(BROWSER));
    let site = ten_nodes();
    let page = site.seen("/");
    for wanted in [
        "9 of 9 nodes",
        "<b>5</b> need a reboot",
        "<b>1</b> boot file fetched",
        "<b>5</b> running",
        "52-54-00-00-00-99",
        "<a href=\"?pool=storage\">storage</a>",
    ] {
        assert!(page.contains(wanted), "{wanted} in {page}");
    }
    // Links and the filter of the page lead where they say.
    let storage = site.seen("/?pool=storage");
    assert!(storage.contains("2 of 9 nodes") && !storage.contains("<td>c001</td>"), "{storage}");
    let reboot = site.seen("/?reboot=1&text=c00");
    assert!(reboot.contains("5 of 9 nodes") && !reboot.contains("<td>c007</td>"), "{reboot}");
    let hostile = site.seen("/?text=%22%3E%3Cscript%3Edocument.title%3D%27taken%27%3C%2Fscript%3E");
    assert!(
        hostile.contains("0 of 9 nodes") && hostile.contains("<title>disklessset: nodes</title>"),
        "{hostile}"
    );
    assert!(!hostile.contains("<script>"), "{hostile}");

    let file = site.root.beside().join("page.png");
    let _ = site.browse("/", &format!("--screenshot={file}"));
    let made = std::fs::read(&file).unwrap();
    assert_eq!(size_of_png(&made), (1180, 860));
    assert!(made.len() > 20_000, "{} bytes: nothing was drawn", made.len());
    picture::keep("node-status.png", &made, Alike::AtFirstSight);
    let _ = site.stopped();
}

/// Width and height, of the chunk that a PNG begins with.
fn size_of_png(bytes: &[u8]) -> (u32, u32) {
    assert_eq!(bytes.get(..8), Some(&b"\x89PNG\r\n\x1a\n"[..]));
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}
