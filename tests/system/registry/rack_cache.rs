//! The rack's cache as `docs/boot-servers.md` has it, in the real nginx: what nodes fetched comes without boot server and registry.

use super::*;
use disklessset_tests::run::Running;
use std::net::{TcpListener, TcpStream};

pub(crate) const BASE: &str = "preboot_execution_environment/diskless";

/// A port that is free now.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// An nginx with these words in its `http` section.
pub(crate) fn nginx(root: &TestRoot, name: &str, address: &str, words: &str) -> Running {
    let place = root.beside().join(name);
    std::fs::create_dir_all(&place).unwrap();
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|what| format!("  {what}_temp_path {place}/{what};\n"))
        .collect();
    let file = place.join("nginx.conf");
    let whole = format!(
        "user root;\ndaemon off;\nmaster_process on;\nworker_processes 1;\npid {place}/pid;\nerror_log {place}/error.log;\n\
         events {{}}\nhttp {{\n  access_log off;\n{paths}\n{words}\n}}\n"
    );
    put(&file, whole.as_bytes());
    let program = root.tool("nginx", &["-p", place.as_str(), "-c", file.as_str()]);
    let running = program.limit(Duration::from_secs(600)).start();
    running.wait_until(|| TcpStream::connect(address).ok().map(drop)).0
}

/// The configuration of the page, at these addresses.
pub(crate) fn of_the_page(root: &TestRoot, cache: &str, boot_server: &str) -> String {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/boot-servers.md")).unwrap();
    let block = page.split_once("<!-- test: nginx -->\n```nginx\n").unwrap().1.split_once("```").unwrap().0;
    let mut words = block.to_owned();
    let place = root.beside().join("kept").to_string();
    for (from, to) in [
        ("/var/cache/nginx/diskless", place.as_str()),
        ("server 10.0.0.1:80;", &format!("server {boot_server};")),
        ("server 10.0.0.2:80 backup;", ""),
        ("listen 80;", &format!("listen {cache};")),
    ] {
        assert!(words.contains(from), "{from}");
        words = words.replace(from, to);
    }
    words
}

pub(crate) fn get(root: &TestRoot, cache: &str, path: &str, range: Option<&str>) -> Vec<u8> {
    let to = root.beside().join("got");
    let url = format!("http://{cache}/{BASE}/{path}");
    let mut args = vec!["--silent", "--show-error", "--fail", "--output", to.as_str()];
    args.extend(range.iter().flat_map(|range| ["--range", *range]));
    args.push(&url);
    let _ = root.tool("curl", &args).run().expect_done();
    std::fs::read(&to).unwrap()
}

#[test]
fn a_rack_cache_has_what_nodes_fetched_when_boot_server_and_registry_are_gone() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("docker-registry"),
        need::tool("nginx"),
        need::tool("curl")
    );
    let small = crate::system::small::Small::new();
    put(&small.tree.join("srv/noise"), &noise(40 << 20));
    let _ = small.create("web", &[]).run().expect_done();
    let world = super::mirror::World::of(&small);
    let _ = world.push("web", 1, &["v1", "current"]);
    let _ = world.mirror(&["web"]).run().expect_done();
    let root = &world.mirror;
    let (boot_server, cache) = (free_address(), free_address());
    let html = root.path().join("var/www/html");
    let serving = format!("server {{ listen {boot_server}; root {html}; }}");
    let boot = nginx(root, "boot", &boot_server, &serving);
    let rack = nginx(root, "rack", &cache, &of_the_page(root, &cache, &boot_server));

    let text = world.boot_file("web");
    let digests: Vec<String> =
        text.split("/blobs/sha256/").skip(1).map(|rest| rest[..64].to_owned()).collect();
    let blobs: Vec<(String, Vec<u8>)> = digests
        .iter()
        .map(|digest| {
            (
                format!("oci/blobs/sha256/{digest}"),
                std::fs::read(root.oci_dir().join("blobs/sha256").join(digest)).unwrap(),
            )
        })
        .collect();
    assert!(blobs.iter().any(|(_, bytes)| bytes.len() > 16 << 20), "none is of several pieces");
    let boot_file = "images/web/boot.ipxe";
    assert_eq!(get(root, &cache, boot_file, None), text.as_bytes());
    for (path, bytes) in &blobs {
        assert!(get(root, &cache, path, None) == *bytes, "{path}");
    }
    // A boot file is asked for each time.
    let file = root.image_dir("web").join("boot.ipxe");
    put(&file, format!("{text}# another\n").as_bytes());
    assert!(get(root, &cache, boot_file, None).ends_with(b"# another\n"));

    boot.kill_group();
    drop(world.server);
    assert!(TcpStream::connect(&boot_server).is_err());
    for (path, bytes) in &blobs {
        assert!(get(root, &cache, path, None) == *bytes, "{path}");
        if bytes.len() > 5_000_000 {
            assert!(
                get(root, &cache, path, Some("4194000-4999999")) == bytes[4_194_000..5_000_000],
                "{path}"
            );
        }
    }
    assert!(get(root, &cache, boot_file, None).ends_with(b"# another\n"), "the last one");
    rack.kill_group();
}

#[test]
fn a_mirror_s_units_are_sound() {
    disklessset_tests::need!(need::tool("systemd-analyze"));
    let root = TestRoot::bare();
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/systemd");
    let place = root.beside().join("units");
    std::fs::create_dir(&place).unwrap();
    let mut files = Vec::new();
    for name in ["disklessset-mirror.service", "disklessset-mirror.timer"] {
        let text = std::fs::read_to_string(format!("{units}/{name}")).unwrap();
        let program = disklessset_tests::run::disklessset();
        put(&place.join(name), text.replace("/usr/bin/disklessset", program.as_str()).as_bytes());
        files.push(place.join(name).to_string());
    }
    let args: Vec<String> =
        ["verify".to_owned(), "--man=no".to_owned()].into_iter().chain(files.clone()).collect();
    let verified = root.tool("systemd-analyze", &args).run().expect_done();
    assert!(!verified.stderr.contains("disklessset-mirror"), "{verified}");
    let judged = ["security", "--offline=yes", "--threshold=40", files[0].as_str()];
    let _ = root.tool("systemd-analyze", &judged).run().expect_done();
}
