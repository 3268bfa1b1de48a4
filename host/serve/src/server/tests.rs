use super::{Limits, Observer, ServedTree, Server};
use crate::report::{RequestReport, Transfer};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{Permissions, set_permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

struct Channel(std::sync::Mutex<mpsc::Sender<RequestReport>>);

impl Observer for Channel {
    fn finished(&self, report: RequestReport) {
        let _ = self.0.lock().unwrap().send(report);
    }
}

struct Site {
    address: SocketAddr,
    reports: mpsc::Receiver<RequestReport>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    root: Utf8PathBuf,
    _outer: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn site() -> Site {
    site_with(Limits { grace: Duration::ZERO, ..Limits::default() })
}

#[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
fn site_with(limits: Limits) -> Site {
    let outer = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(outer.path()).unwrap().join("html");
    std::fs::create_dir_all(root.join("images/web")).unwrap();
    for d in ["", "images", "images/web"] {
        set_permissions(root.join(d), Permissions::from_mode(0o755)).unwrap();
    }
    for (name, mode) in [("squashfs.img", 0o644), ("initramfs", 0o600)] {
        let file = root.join("images/web").join(name);
        std::fs::write(&file, b"0123456789".repeat(100_000)).unwrap();
        set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    }
    let tree = ServedTree::new(&root).unwrap().with_file(".prove/entry.ipxe", "#!ipxe\n");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, reports) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let observer = Arc::new(Channel(std::sync::Mutex::new(sender)));
        let stopped = async { drop(stopped.await) };
        runtime.block_on(Server::new(tree, observer, limits).run(vec![listener], stopped)).unwrap();
    });
    Site { address, reports, stop: Some(stop), thread: Some(thread), root, _outer: outer }
}

impl Site {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    fn report(&self) -> RequestReport {
        self.reports.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    /// Sends bytes as they are, and reads until the server closes.
    fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        String::from_utf8_lossy(&all).into_owned()
    }

    /// A file too large for the buffers of sockets.
    fn make_large(&self) {
        let file = self.root.join("images/web/squashfs.img");
        std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(256 << 20).unwrap();
    }

    fn ask(&self, head: &str) -> (String, Vec<u8>, RequestReport) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let text = format!("{head}\r\nHost: x\r\nUser-Agent: iPXE/1\r\nConnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let report = self.reports.recv_timeout(Duration::from_secs(5)).unwrap();
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        (head, all[end + 4..].to_vec(), report)
    }
}

#[test]
fn a_whole_file_and_a_part_of_it() {
    let site = site();
    let (head, body, report) = site.ask("GET /images/web/squashfs.img HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body.len(), 1_000_000);
    assert_eq!((report.status, report.bytes), (200, 1_000_000));
    assert_eq!(report.transfer, Transfer::Complete);
    assert_eq!(report.path, "images/web/squashfs.img");
    assert_eq!(report.agent, "iPXE/1");

    let (head, body, report) = site.ask("GET /images/web/squashfs.img HTTP/1.1\r\nRange: bytes=5-9");
    assert!(head.starts_with("HTTP/1.1 206"), "{head}");
    assert_eq!(body, b"56789");
    assert_eq!((report.bytes, report.transfer), (5, Transfer::Complete));

    let (head, body, report) = site.ask("HEAD /images/web/squashfs.img HTTP/1.1");
    assert!(head.to_lowercase().contains("content-length: 1000000"), "{head}");
    assert!(body.is_empty());
    assert_eq!((report.bytes, report.transfer), (0, Transfer::Complete));
}

#[test]
fn what_others_may_not_read_is_403_and_the_operator_learns_the_mode() {
    let site = site();
    let (head, body, report) = site.ask("GET /images/web/initramfs HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert!(body.is_empty());
    let problem = report.problem.unwrap();
    assert!(problem.contains("mode 0600 of images/web/initramfs"), "{problem}");
}

#[test]
fn missing_files_directories_and_ways_out_are_not_served() {
    let site = site();
    for path in ["/none", "/images/", "/images", "/", "/../etc/passwd", "/%2e%2e/etc/passwd"] {
        let (head, _, _) = site.ask(&format!("GET {path} HTTP/1.1"));
        assert!(!head.starts_with("HTTP/1.1 2"), "{path}: {head}");
        assert!(!head.starts_with("HTTP/1.1 5"), "{path}: {head}");
    }
    let (head, _, _) = site.ask("POST /images/web/squashfs.img HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
}

#[test]
fn files_in_memory_win_and_need_no_disk() {
    let site = site();
    let (_, body, report) = site.ask("GET /.prove/entry.ipxe HTTP/1.1");
    assert_eq!(body, b"#!ipxe\n");
    assert_eq!(report.status, 200);
    assert!(!site.root.join(".prove").exists());
}

#[test]
fn a_client_that_goes_away_is_reported_as_cut_short() {
    let site = site();
    let file = site.root.join("images/web/squashfs.img");
    let large = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    large.set_len(64 * 1024 * 1024).unwrap();
    let mut stream = TcpStream::connect(site.address).unwrap();
    stream.write_all(b"GET /images/web/squashfs.img HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    drop(stream);
    let report = site.reports.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(report.transfer, Transfer::CutShort);
    assert!(report.bytes < 64 * 1024 * 1024);
}

const IMAGE: &str = "GET /images/web/squashfs.img HTTP/1.1\r\nHost: x\r\n";

#[test]
fn requests_follow_each_other_on_a_connection_even_sent_at_once() {
    let site = site();
    let one = format!("{IMAGE}Range: bytes=0-3\r\n\r\n");
    let last = format!("{IMAGE}Range: bytes=4-7\r\nConnection: close\r\n\r\n");
    let text = site.exchange(format!("{one}\r\n{one}{last}").as_bytes());
    assert_eq!(text.matches("HTTP/1.1 206").count(), 3, "{text}");
    assert_eq!((text.matches("0123").count(), text.matches("4567").count()), (2, 1), "{text}");
}

#[test]
fn nothing_behind_a_refused_request_is_answered() {
    let site = site();
    let hidden = format!("{IMAGE}\r\n");
    for (request, status) in [
        (
            format!(
                "POST /images/web/squashfs.img HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
                hidden.len()
            ),
            405,
        ),
        (format!("{IMAGE}Content-Length: 5\r\nContent-Length: 0\r\n\r\n"), 400),
        (format!("{IMAGE}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"), 400),
        (format!("{IMAGE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 501),
        ("GET /images/web/squashfs.img HTTP/1.1\nHost: x\n\n".to_owned(), 400),
        (format!("{IMAGE}X: a\r\n b\r\n\r\n"), 400),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000)), 414),
        ("a".repeat(20_000), 414),
    ] {
        let text = site.exchange(format!("{request}{hidden}").as_bytes());
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.80}: {text}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{request:.80}: {text}");
        assert!(text.contains("Connection: close"), "{text}");
        assert_eq!(site.report().status, status);
    }
}

#[test]
fn a_slow_head_is_given_up_and_a_silent_client_too() {
    let quick = Duration::from_millis(200);
    let site = site_with(Limits { head: quick, idle: quick, ..Limits::default() });
    let text = site.exchange(b"GET / HT");
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert_eq!(site.report().status, 408);
    assert_eq!(site.exchange(b""), "");
    // A byte now and then does not prolong it.
    let mut stream = site.connect();
    let begun = Instant::now();
    while stream.write_all(b"G").is_ok() && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(50));
        if site.reports.try_recv().is_ok() {
            break;
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_reader_that_takes_nothing_is_given_up() {
    let site = site_with(Limits { stall: Duration::from_millis(300), ..Limits::default() });
    site.make_large();
    let mut stream = site.connect();
    stream.write_all(format!("{IMAGE}\r\n").as_bytes()).unwrap();
    let report = site.report();
    assert_eq!(report.transfer, Transfer::CutShort);
    assert!(report.bytes < 256 << 20, "{}", report.bytes);
}

#[test]
fn a_file_that_becomes_shorter_is_reported_as_cut_short() {
    let site = site();
    site.make_large();
    let mut stream = site.connect();
    stream.write_all(format!("{IMAGE}\r\n").as_bytes()).unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    let file = site.root.join("images/web/squashfs.img");
    std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(1000).unwrap();
    // The connection ends: the client cannot take it for the whole.
    assert!(stream.read_to_end(&mut Vec::new()).is_ok_and(|count| count < 256 << 20));
    assert_eq!(site.report().transfer, Transfer::CutShort);
}

#[test]
fn connections_beyond_the_bound_wait_for_others_to_end() {
    let site = site_with(Limits { connections: 2, ..Limits::default() });
    let (first, _second) = (site.connect(), site.connect());
    let mut third = site.connect();
    third.write_all(format!("{IMAGE}Range: bytes=0-3\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(third.read(&mut [0; 10]).is_err(), "it waits");
    drop(first);
    third.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut all = Vec::new();
    third.read_to_end(&mut all).unwrap();
    assert!(all.ends_with(b"0123"));
}

#[test]
fn a_stop_lets_answers_end_and_silent_clients_go() {
    let mut site = site_with(Limits { grace: Duration::from_secs(10), ..Limits::default() });
    site.make_large();
    let silent = site.connect();
    let mut busy = site.connect();
    busy.write_all(format!("{IMAGE}\r\n").as_bytes()).unwrap();
    let mut begun = vec![0; 1000];
    busy.read_exact(&mut begun).unwrap();
    drop(site.stop.take());
    assert_eq!((&silent).read(&mut [0; 10]).unwrap(), 0);
    let rest = std::io::copy(&mut busy, &mut std::io::sink()).unwrap();
    assert!(rest > (256 << 20) - 1000, "{rest}");
    assert_eq!(site.report().transfer, Transfer::Complete);
    assert!(TcpStream::connect(site.address).is_err());
}

#[test]
fn a_stop_does_not_wait_for_a_reader_beyond_the_grace() {
    let mut site = site_with(Limits { grace: Duration::from_millis(200), ..Limits::default() });
    site.make_large();
    let mut busy = site.connect();
    busy.write_all(format!("{IMAGE}\r\n").as_bytes()).unwrap();
    busy.read_exact(&mut [0; 1000]).unwrap();
    drop(site.stop.take());
    let report = site.report();
    assert_eq!(report.transfer, Transfer::CutShort);
}
