use super::*;
use crate::report::{RequestReport, Transfer};
use crate::tree::ServedPlaces;
use camino::Utf8Path;
use std::fs::{Permissions, set_permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, mpsc};

struct Channel(Mutex<mpsc::Sender<RequestReport>>);

impl Observer for Channel {
    fn finished(&self, report: RequestReport) {
        let _ = self.0.lock().unwrap().send(report);
    }
}

struct Site {
    address: SocketAddr,
    reports: mpsc::Receiver<RequestReport>,
    _outer: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

#[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
fn site() -> Site {
    let outer = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(outer.path()).unwrap();
    for (name, length) in [("loaders/a.efi", 2000), ("loaders/sub/b.efi", 1024), ("secret", 5)] {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, vec![b'x'; length]).unwrap();
        set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        for directory in file.ancestors().skip(1).take_while(|above| above.starts_with(root)) {
            set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
        }
    }
    let places = ServedPlaces::only(vec!["loaders".into()], None).with_loaders("loaders".into());
    let tree = ServedTree::new(root).unwrap().limited_to(places);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (sender, reports) = mpsc::channel();
    let observer: Arc<dyn Observer> = Arc::new(Channel(Mutex::new(sender)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for server in runtime.block_on(servers(vec![socket], &tree, &observer)).unwrap() {
        runtime.spawn(server.serve());
    }
    Site { address, reports, _outer: outer, _runtime: runtime }
}

impl Site {
    fn client(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }

    /// The first packet that a request is answered with, and from where.
    fn ask(&self, client: &UdpSocket, packet: &[u8]) -> (Vec<u8>, SocketAddr) {
        client.send_to(packet, self.address).unwrap();
        let mut answer = [0; 2048];
        let (count, from) = client.recv_from(&mut answer).unwrap();
        (answer[..count].to_vec(), from)
    }

    fn report(&self) -> RequestReport {
        self.reports.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn request(kind: u8, path: &str, options: &str) -> Vec<u8> {
    [&[0, kind], path.as_bytes(), b"\0octet\0", options.as_bytes()].concat()
}

#[test]
fn loaders_are_given_block_by_block() {
    let site = site();
    let client = site.client();
    let (mut packet, from) = site.ask(&client, &request(1, "/a.efi", ""));
    let mut got = 0;
    loop {
        assert_eq!(packet[..2], [0, 3], "{packet:?}");
        got += packet.len() - 4;
        client.send_to(&[0, 4, packet[2], packet[3]], from).unwrap();
        if packet.len() < 516 {
            break;
        }
        packet.resize(2048, 0);
        let count = client.recv(&mut packet).unwrap();
        packet.truncate(count);
    }
    assert_eq!(got, 2000);
    let report = site.report();
    assert_eq!((report.method.as_str(), report.file.as_str()), ("TFTP", "loaders/a.efi"));
    assert_eq!((report.status, report.bytes, report.transfer), (200, 2000, Transfer::Complete));
}

#[test]
fn options_are_bounded() {
    let site = site();
    let options = "blksize\x0065464\0windowsize\x001000\0timeout\x00255\0tsize\x000\0";
    let (answer, _) = site.ask(&site.client(), &request(1, "sub/b.efi", options));
    assert_eq!(answer[..2], [0, 6], "{answer:?}");
    let text = String::from_utf8_lossy(&answer[2..]).into_owned();
    assert_eq!(text, "blksize\x001468\0tsize\x001024\0windowsize\x0016\0");
}

#[test]
fn writes_and_ways_out_are_refused_and_what_is_no_request_has_no_answer() {
    let site = site();
    for (packet, code, status) in [
        (request(2, "a.efi", ""), 2, 405),
        (request(2, "new", ""), 2, 405),
        (request(1, "none", ""), 1, 404),
        (request(1, "", ""), 1, 404),
        (request(1, "sub", ""), 1, 404),
        (request(1, "../secret", ""), 2, 403),
        (request(1, "/etc/passwd", ""), 1, 404),
        (request(1, "sub/../../secret", ""), 2, 403),
        (request(1, ".hidden", ""), 2, 403),
    ] {
        let (answer, _) = site.ask(&site.client(), &packet);
        assert_eq!(answer[..4], [0, 5, 0, code], "{packet:?}: {answer:?}");
        assert_eq!(site.report().status, status, "{packet:?}");
    }
    let client = site.client();
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    for packet in [&b""[..], &[0], &[0, 1], &[0, 1, b'a'], &[0, 3, 0, 1, 1], &[0, 4, 0, 1], &[9, 9, 9]] {
        client.send_to(packet, site.address).unwrap();
    }
    assert!(client.recv(&mut [0; 100]).is_err());
    let _ = site.ask(&site.client(), &request(1, "none", ""));
}

#[test]
fn packets_of_another_client_do_not_move_a_transfer() {
    let site = site();
    let client = site.client();
    let (first, from) = site.ask(&client, &request(1, "a.efi", ""));
    assert_eq!(first[..4], [0, 3, 0, 1]);
    let other = site.client();
    other.send_to(&[0, 4, 0, 1], from).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert!(client.recv(&mut [0; 1024]).is_err(), "the first block is not acknowledged yet");
    client.send_to(&[0, 4, 0, 1], from).unwrap();
    let mut next = [0; 1024];
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = client.recv(&mut next).unwrap();
    assert_eq!(next[..4], [0, 3, 0, 2]);
}
