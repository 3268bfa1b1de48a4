//! Given a node that is fetching a root image when that is replaced or removed: it gets all of the file that it began with.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset::serve::{Observer, RequestReport, ServedTree, serve};
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::LIMIT;
use tokio::sync::oneshot;

use crate::system::small::{Small, put};

/// The program's own server, on the tree below the web root.
struct Serving {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

struct Nobody;

impl Observer for Nobody {
    fn finished(&self, _report: RequestReport) {}
}

impl Serving {
    fn start(top: &Utf8Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let tree = ServedTree::new(top).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let stopped = async move { drop(stopped.await) };
            runtime.block_on(serve(listener, tree, Arc::new(Nobody), stopped)).unwrap();
        });
        Self { address, stop: Some(stop) }
    }

    /// Begins to fetch a file: its length, what came of it, and where the rest comes from.
    fn fetch(&self, path: &str) -> Download {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(stream, "GET /{path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut begun = vec![0; 64 * 1024];
        stream.read_exact(&mut begun).unwrap();
        Download { stream, begun, length: length.parse().unwrap() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }
}

struct Download {
    stream: TcpStream,
    begun: Vec<u8>,
    length: usize,
}

impl Download {
    /// The rest comes.
    fn all(mut self) -> Vec<u8> {
        self.stream.read_to_end(&mut self.begun).unwrap();
        assert_eq!(self.begun.len(), self.length, "cut off");
        self.begun
    }
}

#[test]
fn case_17_a_download_under_way_ends_whole() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    // Noise does not compress, and is more than what the connection's buffers take.
    let noise = format!("of={}", small.tree.join("srv/noise"));
    let _ = small.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=48"]).run().expect_done();
    let mnt = small.mounted("web", &[]);
    put(&mnt.join("etc/motd"), b"edited", 0o644);
    let top: Utf8PathBuf = small.root.path().join("var/www/html");
    let file = small.squashfs("web");
    let path = file.strip_prefix(&top).unwrap().as_str().to_owned();
    let serving = Serving::start(&top);

    let old = std::fs::read(&file).unwrap();
    let download = serving.fetch(&path);
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    let new = std::fs::read(&file).unwrap();
    assert_ne!(old, new);
    assert!(serving.fetch(&path).all() == new, "who begins now gets the new one");
    assert!(download.all() == old, "what came is not the image that it began with");

    let download = serving.fetch(&path);
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    assert!(small.root.images().is_empty());
    std::thread::sleep(Duration::from_millis(100));
    assert!(download.all() == new, "what came is not the image that it began with");
    drop(serving);
    Snapshot::assert_nothing_held(&small.root);
}
