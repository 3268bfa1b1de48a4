//! Given ten thousand nodes after a power cut: the boot server answers them all.
#![allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use nix::sys::signal::Signal;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

const NODES: usize = 10_000;
/// Firmware takes its time, and not the same on each node.
const JITTER: Duration = Duration::from_secs(5);
/// A node that gets no connection tries again, as boot files do.
const PATIENCE: Duration = Duration::from_secs(300);
/// What a node fetches, one after the other, each by a connection of its own as iPXE does.
const FILES: [(&str, usize); 4] = [
    ("images/web/boot.ipxe", 1_000),
    ("kernels/vmlinuz", 16_000),
    ("kernels/initramfs", 32_000),
    ("images/web/root", 64_000),
];
const BASE: &str = "preboot_execution_environment/diskless";

/// How long a node took.
async fn boot(number: usize, server: SocketAddr, wait: Duration) -> Duration {
    tokio::time::sleep(wait).await;
    let begun = Instant::now();
    let [_, _, high, low] = u32::try_from(number).unwrap().to_be_bytes();
    for (name, length) in FILES {
        while fetch(Ipv4Addr::new(127, 1, high, low), server, name).await.ok() != Some(length) {
            assert!(begun.elapsed() < PATIENCE, "node {number} does not get {name}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    begun.elapsed()
}

/// Bytes of a whole answer.
async fn fetch(node: Ipv4Addr, server: SocketAddr, name: &str) -> std::io::Result<usize> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((node, 0).into())?;
    let mut stream = socket.connect(server).await?;
    let request = format!("GET /{BASE}/{name} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await?;
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").map_or(all.len(), |at| at + 4);
    assert!(all.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&all[..end]));
    Ok(all.len() - end)
}

fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[test]
fn serve_has_ten_thousand_nodes_boot_at_once() {
    disklessset_tests::need!(need::full());
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    if limit.maximum.is_some_and(|most| most < NODES as u64 + 1000) {
        return need::late("11,000 descriptors");
    }
    let root = TestRoot::bare();
    for (name, length) in FILES {
        let file = root.path().join("var/www/html").join(BASE).join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, vec![b'x'; length]).unwrap();
    }
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = root.disklessset(&["serve", "--listen", &address.to_string()]).limit(PATIENCE * 2);
    let server = program.start().wait_until(|| TcpStream::connect(address).ok().map(drop)).0;
    let mut random = fastrand::Rng::with_seed(7);
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut took = runtime.block_on(async {
        let mut nodes = JoinSet::new();
        for number in 0..NODES {
            nodes.spawn(boot(number, address, JITTER.mul_f64(random.f64())));
        }
        nodes.join_all().await
    });
    let all = begun.elapsed();
    took.sort();
    let peak = peak_mib(server.pid());
    server.signal(Signal::SIGTERM);
    let ended = server.wait().expect_done();
    let lines = ended.stdout.lines().filter(|line| line.contains(" status=200 ")).count();
    println!(
        "{NODES} nodes in {all:.1?}: half of them within {:.1?}, the last one {:.1?}; {peak} MiB; {lines} lines",
        took[NODES / 2],
        took[NODES - 1]
    );
    assert!(lines >= NODES * FILES.len(), "{lines} lines in the log: {:.1000}", ended.stderr);
    assert!(peak < 128, "{peak} MiB");
}
