//! Given what nodes fetch: the boot server answers them, and nobody gets anything else.
#![allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Program, Running};
use nix::sys::signal::Signal;

const BASE: &str = "/preboot_execution_environment/diskless";

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn root_with(images: &[&str]) -> TestRoot {
    let root = TestRoot::with_modules(&["demo"]);
    for image in images {
        let _ = root.disklessset(&["demo", "create", image]).run().expect_done();
    }
    root
}

fn serving(program: Program, address: &str) -> Running {
    program.start().wait_until(|| TcpStream::connect(address).ok().map(drop)).0
}

fn serve(root: &TestRoot, address: &str) -> Running {
    serving(root.disklessset(&["serve", "--listen", address]), address)
}

/// The answer's head and body.
fn ask(address: &str, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: test\r\nUser-Agent: iPXE/1.0\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    (head, body)
}

fn status(address: &str, path: &str) -> String {
    ask(address, &format!("GET {path}")).0.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn serve_answers_nodes_and_says_what_they_got() {
    let root = root_with(&["web"]);
    let address = free_address();
    let server = serve(&root, &address);
    let boot = format!("{BASE}/images/web/boot.ipxe");
    let (head, body) = ask(&address, &format!("GET {boot}"));
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("Cache-Control: no-cache"), "{head}");
    assert_eq!(body, std::fs::read(root.image_dir("web").join("boot.ipxe")).unwrap());
    let (head, body) = ask(&address, &format!("HEAD /{boot}"));
    assert!(head.starts_with("HTTP/1.1 200 OK") && body.is_empty(), "{head}");
    let manifest = std::fs::read_dir(root.oci_dir().join("blobs/sha256")).unwrap().next().unwrap().unwrap();
    let blob = format!("{BASE}/oci/blobs/sha256/{}", manifest.file_name().to_string_lossy());
    let (head, _) = ask(&address, &format!("GET {blob}"));
    assert!(head.contains(", immutable\r\n"), "{head}");
    server.signal(Signal::SIGTERM);
    let ended = server.wait().expect_done().expect_said(&format!("serving {}", root.path()));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended}");
    assert!(
        lines.iter().all(|line| line.contains(" image=web@1 ") && line.contains(" whole=yes ")),
        "{ended}"
    );
    assert!(lines[0].contains(&format!(" method=GET path=\"{boot}\" status=200 ")), "{ended}");
}

#[test]
fn serve_gives_what_nodes_fetch_and_nothing_else() {
    let root = root_with(&["web"]);
    let html = root.path().join("var/www/html");
    let base = html.join(BASE.trim_start_matches('/'));
    for name in [
        "loaders/ipxe.efi",
        "boot/entry.ipxe",
        "kernels/vmlinuz-1",
        "images/web/extra",
        "images/web/.extra",
        "oci/lock",
        "others/file",
        "../index.html",
    ] {
        let file = base.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "x").unwrap();
    }
    let address = free_address();
    let server = serve(&root, &address);
    for (path, expected) in [
        ("/loaders/ipxe.efi", "200"),
        ("//boot///entry.ipxe", "200"),
        ("/kernels/vmlinuz%2D1", "200"),
        ("/images/web/extra", "200"),
        ("/images/web/.extra", "403"),
        ("/images/web/image_data.yml", "403"),
        ("/images/web/image%5Fdata.yml", "403"),
        ("/images/web/", "404"),
        ("/images", "404"),
        ("/oci/lock", "404"),
        ("/oci/index.json", "200"),
        ("/others/file", "404"),
        ("/images/../others/file", "400"),
        ("/images/%2e%2e/others/file", "400"),
    ] {
        assert_eq!(status(&address, &format!("{BASE}{path}")), expected, "{path}");
    }
    assert_eq!(status(&address, "/preboot_execution_environment/index.html"), "404");
    assert_eq!(status(&address, "/etc/passwd"), "404");
    assert!(ask(&address, &format!("PUT {BASE}/boot/entry.ipxe")).0.starts_with("HTTP/1.1 405"));
    server.signal(Signal::SIGINT);
    let _ = server.wait().expect_done();
}

#[test]
fn serve_says_in_a_line_which_port_it_cannot_have() {
    let root = root_with(&["web"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = root.disklessset(&["serve", "--listen", &address]).run().expect_code(1);
    let refused = refused.expect_said(&format!("cannot listen on {address}: the port is in use"));
    let _ = refused.expect_said("ss -lntup 'sport = :");
    let _ = root
        .disklessset(&["serve", "--listen", "203.0.113.1:8080"])
        .run()
        .expect_code(1)
        .expect_said("no such address");
    let _ = root.disklessset(&["serve", "--listen", "localhost"]).run().expect_code(2);
    let bare = TestRoot::bare();
    let _ = bare
        .disklessset(&["serve", "--listen", &free_address()])
        .run()
        .expect_code(1)
        .expect_said("there is no directory");
}

#[test]
fn serve_listens_on_several_addresses_of_both_families() {
    let root = root_with(&["web"]);
    let Ok(six) = TcpListener::bind("[::1]:0").map(|listener| listener.local_addr().unwrap().to_string())
    else {
        return;
    };
    let four = free_address();
    let server = serving(root.disklessset(&["serve", "--listen", &four, "--listen", &six]), &six);
    for address in [&four, &six] {
        assert_eq!(status(address, &format!("{BASE}/images/web/boot.ipxe")), "200");
    }
    server.signal(Signal::SIGTERM);
    let ended = server.wait().expect_done();
    assert!(ended.stdout.contains("peer=127.0.0.1 ") && ended.stdout.contains("peer=::1 "), "{ended}");
}

#[test]
fn serve_of_root_is_nobody() {
    disklessset_tests::need!(need::root());
    let root = root_with(&["web"]);
    let address = free_address();
    let server = serve(&root, &address);
    let facts = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = |name: &str| facts.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert_eq!(line("Uid:"), "Uid:\t65534\t65534\t65534\t65534", "{facts}");
    assert!(line("CapEff:").ends_with("\t0000000000000000"), "{facts}");
    assert_eq!(line("NoNewPrivs:"), "NoNewPrivs:\t1");
    assert_eq!(status(&address, &format!("{BASE}/images/web/boot.ipxe")), "200");
    server.signal(Signal::SIGTERM);
    let _ = server.wait().expect_done();
}

#[test]
fn serve_takes_the_sockets_of_systemd_and_tells_it_when_it_is_ready() {
    disklessset_tests::need!(need::tool("systemd-socket-activate"));
    let root = root_with(&["web"]);
    let address = free_address();
    let notify = root.beside().join("notify");
    let socket = UnixDatagram::bind(&notify).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    nix::sys::stat::fchmodat(
        nix::fcntl::AT_FDCWD,
        notify.as_std_path(),
        nix::sys::stat::Mode::from_bits_truncate(0o666),
        nix::sys::stat::FchmodatFlags::FollowSymlink,
    )
    .unwrap();
    let inner = root.disklessset(&["serve"]);
    let listen = format!("--listen={address}");
    let program =
        inner.behind("/usr/bin/systemd-socket-activate", &[listen.as_str(), "--setenv=NOTIFY_SOCKET"]);
    let server = serving(program.env("NOTIFY_SOCKET", notify.as_str()), &address);
    assert_eq!(status(&address, &format!("{BASE}/images/web/boot.ipxe")), "200");
    let said = || {
        let mut said = [0; 256];
        let count = socket.recv(&mut said).unwrap();
        String::from_utf8_lossy(&said[..count]).into_owned()
    };
    assert!(said().contains("READY=1"));
    server.signal(Signal::SIGTERM);
    assert!(said().contains("STOPPING=1"));
    let _ = server.wait().expect_done();
}

#[test]
fn serve_s_units_are_sound() {
    disklessset_tests::need!(need::tool("systemd-analyze"));
    let root = TestRoot::bare();
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/systemd");
    let place = root.beside().join("units");
    std::fs::create_dir(&place).unwrap();
    let mut files = Vec::new();
    for name in ["disklessset-serve.service", "disklessset-serve.socket"] {
        let text = std::fs::read_to_string(format!("{units}/{name}")).unwrap();
        let program = disklessset_tests::run::disklessset();
        std::fs::write(place.join(name), text.replace("/usr/bin/disklessset", program.as_str())).unwrap();
        files.push(place.join(name).to_string());
    }
    let args: Vec<String> =
        ["verify".to_owned(), "--man=no".to_owned()].into_iter().chain(files.clone()).collect();
    let verified = root.tool("systemd-analyze", &args).run().expect_done();
    assert!(!verified.stderr.contains("disklessset-serve"), "{verified}");
    let judged = ["security", "--offline=yes", "--threshold=20", files[0].as_str()];
    let _ = root.tool("systemd-analyze", &judged).run().expect_done();
}

#[test]
fn serve_gives_loaders_over_tftp_and_takes_none() {
    disklessset_tests::need!(need::root(), need::tool("curl"));
    let root = root_with(&["web"]);
    let loaders = root.path().join(format!("var/www/html{BASE}/loaders"));
    std::fs::create_dir_all(&loaders).unwrap();
    let loader: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    std::fs::write(loaders.join("ipxe.efi"), &loader).unwrap();
    // Port 69 of an address that no other test has.
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let host = format!("127.66.{high}.{low}");
    let address = format!("{host}:18069");
    let server = serving(root.disklessset(&["serve", "--listen", &address, "--tftp"]), &address);
    let to = root.beside().join("got");
    let curl = |options: &[&str], path: &str| {
        let url = format!("tftp://{host}/{path}");
        let fixed = ["--silent", "--show-error", "--max-time", "30"];
        root.tool("curl", &[&fixed[..], options, &[url.as_str()]].concat()).run()
    };
    for options in [&["--tftp-blksize", "1468"][..], &["--tftp-blksize", "8192"], &["--tftp-no-options"], &[]]
    {
        let _ = curl(&[options, &["--output", to.as_str()]].concat(), "ipxe.efi").expect_done();
        assert!(std::fs::read(&to).unwrap() == loader, "{options:?}");
    }
    // curl's own words for what the server answered: not there (68), not allowed (69).
    let _ = curl(&[], "none").expect_code(68);
    let _ = curl(&["--path-as-is"], "/../images/web/boot.ipxe").expect_code(69);
    let _ = curl(&["--upload-file", to.as_str()], "ipxe.efi").expect_code(69);
    assert!(std::fs::read(loaders.join("ipxe.efi")).unwrap() == loader);
    server.signal(Signal::SIGTERM);
    let ended = server.wait().expect_done();
    let given = format!(" method=TFTP path=\"{BASE}/loaders/ipxe.efi\" status=200 bytes=300000 whole=yes ");
    assert_eq!(ended.stdout.matches(&given).count(), 4, "{ended}");
    assert!(ended.stdout.contains("method=TFTP-WRITE"), "{ended}");
}
